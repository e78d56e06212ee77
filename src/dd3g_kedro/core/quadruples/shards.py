"""Quadruples on disk: Parquet shards, written whole or not at all.

Stored is what makes a quadruple again: the image's id, the seed of N, the background, the cameras,
guidance, steps, the teacher's fingerprint, the place in its batch; and OI, losslessly. Pages carry
checksums, which reading verifies. Which shards a folder holds, its manifest says.
"""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.identity import file_fingerprint
from dd3g_kedro.core.kept import MANIFEST, read_manifest

SHUFFLED_SHARDS = 16  # whose rows are read in a random order together
_IDENTITY = b"dd3g.identity"
_OPEN_SHARDS = 2 * SHUFFLED_SHARDS  # tables kept in memory
_AGAIN = "Run `kedro run --pipelines=sample`: what is there is kept, the rest is made"


@dataclass(frozen=True, kw_only=True)
class QuadrupleRow:
    """One quadruple's recipe and its output images."""

    image_id: str
    border_ratio: float | None  # how II was framed
    seed: int  # of N
    background: tuple[float, float, float]  # sRGB in [0, 1], of II and OI
    azimuths_deg: tuple[float, ...]  # C, relative to the front
    elevation_deg: float
    guidance_scale: float
    temperature: float  # of N: the teacher's ODE started from so many times the seed's draw
    steps: int
    batch_size: int  # bits depend on the batch's shape and on the place in it
    batch_place: int
    teacher: str  # fingerprint
    output_images: tuple[bytes, ...]  # OI, PNG, a view each


_SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("border_ratio", pa.float64()),
        ("seed", pa.int64()),
        ("background", pa.list_(pa.float64())),
        ("azimuths_deg", pa.list_(pa.float64())),
        ("elevation_deg", pa.float64()),
        ("guidance_scale", pa.float64()),
        ("temperature", pa.float64()),
        ("steps", pa.int32()),
        ("batch_size", pa.int32()),
        ("batch_place", pa.int32()),
        ("teacher", pa.string()),
        ("output_images", pa.list_(pa.binary())),
    ]
)


def encode_png(pixels: UInt8[Tensor, "3 h w"]) -> bytes:
    """Lossless bytes of an sRGB image."""
    stream = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy()).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def decode_png(data: bytes) -> UInt8[Tensor, "3 h w"]:
    """The inverse of `encode_png`; threads decode side by side, which Pillow's hardly do."""
    from torchvision.io import ImageReadMode
    from torchvision.io import decode_png as decoded

    return decoded(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)


def write_shard(rows: Sequence[QuadrupleRow], path: Path, identity: str) -> None:
    """Write one shard; `identity` is the digest of what its rows were made of."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], _SCHEMA)
    table = table.replace_schema_metadata({_IDENTITY: identity.encode()})
    with written_whole(path) as temporary:  # PNG is compressed already
        pq.write_table(table, temporary, compression="none", write_page_checksum=True)


def read_shard(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A shard's columns, None: all of them, verified.

    Raises:
        InvalidShard: it is missing, cut short, rotten, or of other columns.
    """
    names = _SCHEMA.names if columns is None else list(columns)
    try:
        return pq.read_table(
            path,
            schema=pa.schema([_SCHEMA.field(name) for name in names]),
            columns=names,
            page_checksum_verification=True,
        )
    except (OSError, pa.ArrowException) as error:
        raise InvalidShard(
            f"{path}: expected a whole shard of quadruples with the columns {names}, found: "
            f"{error}. {_AGAIN} again."
        ) from error


def rows_of(table: pa.Table) -> list[QuadrupleRow]:
    """What `read_shard` has read of all columns."""
    listed = ("background", "azimuths_deg", "output_images")
    return [
        QuadrupleRow(**(row | {key: tuple(row[key]) for key in listed}))
        for row in table.to_pylist()
    ]


def shard_identity(path: Path) -> str | None:
    """The digest of what a shard was made of; None where there is no shard that can be read."""
    try:
        metadata: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    return metadata.get(_IDENTITY, b"").decode("ascii", "replace") or None


@dataclass(frozen=True)
class ListedShard:
    """A line of the manifest."""

    name: str
    rows: int
    sha256: str | None  # None: it was not yet there


def listed_shards(folder: Path) -> list[ListedShard] | None:
    """What a folder's manifest lists, in order; None without a manifest.

    Raises:
        InvalidShard: the manifest is damaged.
    """
    if not (folder / MANIFEST).is_file():
        return None
    try:
        listed = [ListedShard(**entry) for entry in (read_manifest(folder) or {})["shards"]]
        if all(Path(one.name).name == one.name and one.rows > 0 for one in listed):
            return listed
    except (KeyError, TypeError):
        pass
    raise InvalidShard(
        f"{folder / MANIFEST}: expected a list of shards with name, rows and sha256, found "
        f"something else. {_AGAIN} again."
    )


class QuadrupleShards:
    """A lazy handle on the shards that a folder's manifest lists, whatever else lies there.

    Memory does not grow with their number. Safe to share by threads.

    Raises:
        InvalidShard: the manifest is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listed = listed_shards(folder) or []
        self.paths = [folder / shard.name for shard in self.listed]
        self._starts = np.cumsum([0, *(shard.rows for shard in self.listed)]).tolist()
        self._tables: OrderedDict[int, pa.Table] = OrderedDict()
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        """A hash of all that is learnt from: of the shards' bytes, in order."""
        told = "\n".join(str(shard.sha256) for shard in self.listed)
        return hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        return self._starts[-1]

    def require(self) -> QuadrupleShards:
        """Itself, if the collection is complete and every shard is what the manifest says.

        Raises:
            InvalidShard: there is none, one is missing or rotten, or the sampling was interrupted.
        """
        if not len(self):
            raise InvalidShard(
                f"{self.folder}: expected quadruple shards and their {MANIFEST}, found none. "
                "Run `kedro run --pipelines=sample` first."
            )
        missing = [shard for shard in self.listed if not (self.folder / shard.name).is_file()]
        if missing:
            rows = sum(shard.rows for shard in missing)
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise InvalidShard(
                f"{self.folder}: {rows} of {len(self)} quadruples are missing, of the shards "
                f"{', '.join(shard.name for shard in missing[:3])}{more}. {_AGAIN}."
            )
        if any(shard.sha256 is None for shard in self.listed):
            raise InvalidShard(f"{self.folder}: the sampling was not finished. {_AGAIN}.")
        for shard, path in zip(self.listed, self.paths, strict=True):
            if (found := file_fingerprint(path)) != shard.sha256:
                raise InvalidShard(
                    f"{path}: rotten or not of this collection: expected the SHA-256 "
                    f"{shard.sha256}, as {MANIFEST} says, found {found}. {_AGAIN} again."
                )
        return self

    def image_ids(self) -> list[str]:
        """Of every row, in order."""
        ids: list[str] = []
        for path in self.paths:
            ids += read_shard(path, ["image_id"])["image_id"].to_pylist()
        return ids

    def __getitem__(self, index: int) -> QuadrupleRow:
        """The row of that number, over all shards."""
        if not 0 <= index < len(self):
            raise IndexError(f"quadruple {index} of {len(self)}")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return rows_of(self._table(shard).slice(index - self._starts[shard], 1))[0]

    def between(self, start: int, stop: int) -> list[QuadrupleRow]:
        """The rows from `start` on and before `stop`: sooner than one by one."""
        rows: list[QuadrupleRow] = []
        for shard, first in enumerate(self._starts[:-1]):
            here = max(start, first), min(stop, self._starts[shard + 1])
            if here[0] < here[1]:
                rows += rows_of(self._table(shard).slice(here[0] - first, here[1] - here[0]))
        return rows

    def order(self, epoch: int, seed: int) -> Int[Tensor, " n"]:
        """All rows in a random order that asks for a few shards at a time."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        shards = torch.randperm(len(self.paths), generator=generator).tolist()
        parts = []
        for first in range(0, len(shards), SHUFFLED_SHARDS):
            together = shards[first : first + SHUFFLED_SHARDS]
            rows = torch.cat(
                [torch.arange(self._starts[i], self._starts[i + 1]) for i in sorted(together)]
            )
            parts.append(rows[torch.randperm(len(rows), generator=generator)])
        return torch.cat(parts)

    def _table(self, shard: int) -> pa.Table:
        with self._lock:
            if shard not in self._tables:
                self._tables[shard] = read_shard(self.paths[shard])
                while len(self._tables) > _OPEN_SHARDS:
                    self._tables.popitem(last=False)
            self._tables.move_to_end(shard)
            return self._tables[shard]

    def __reduce__(self) -> tuple[type[QuadrupleShards], tuple[Path]]:
        """Another process opens the folder itself."""
        return QuadrupleShards, (self.folder,)
