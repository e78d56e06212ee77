"""Quadruples on disk: Parquet shards, written whole or not at all.

Stored is what makes a quadruple again: the image's id and file, the seed of N, the background, the
cameras, guidance, steps, the teacher's fingerprint, the place in its batch; and OI, losslessly.
"""

from __future__ import annotations

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

SHUFFLED_SHARDS = 16  # whose rows are read in a random order together
_PLAN = b"dd3g.plan"
_OPEN_SHARDS = 2 * SHUFFLED_SHARDS  # tables kept in memory


@dataclass(frozen=True, kw_only=True)
class QuadrupleRow:
    """One quadruple's recipe and its output images."""

    image_id: str
    file: str  # of II, relative to the images' folder
    border_ratio: float | None  # how II was framed
    seed: int  # of N
    background: tuple[float, float, float]  # sRGB in [0, 1], of II and OI
    azimuths_deg: tuple[float, ...]  # C, relative to the front
    elevation_deg: float
    guidance_scale: float
    steps: int
    batch_size: int  # bits depend on the batch's shape and on the place in it
    batch_place: int
    teacher: str  # fingerprint
    output_images: tuple[bytes, ...]  # OI, PNG, a view each


_SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("file", pa.string()),
        ("border_ratio", pa.float64()),
        ("seed", pa.int64()),
        ("background", pa.list_(pa.float64())),
        ("azimuths_deg", pa.list_(pa.float64())),
        ("elevation_deg", pa.float64()),
        ("guidance_scale", pa.float64()),
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
    """The inverse of `encode_png`."""
    with Image.open(io.BytesIO(data)) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def write_shard(rows: Sequence[QuadrupleRow], path: Path, plan: str) -> None:
    """Write one shard; `plan` says which rows it was meant to hold."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], _SCHEMA)
    table = table.replace_schema_metadata({_PLAN: plan.encode()})
    with written_whole(path) as temporary:
        pq.write_table(table, temporary, compression="none")  # PNG is compressed already


def shard_plan(path: Path) -> str | None:
    """The plan that a whole shard was written for; None where there is no whole shard."""
    try:
        metadata: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    return metadata.get(_PLAN, b"").decode()


class QuadrupleShards:
    """A lazy handle on a folder of shards; memory does not grow with their number.

    Safe to share by threads.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = sorted(folder.glob("*.parquet"))
        self._starts = [0]
        self._tables: OrderedDict[int, pa.Table] = OrderedDict()
        self._lock = Lock()
        for path in self.paths:
            try:
                count = pq.read_metadata(path).num_rows
            except (OSError, pa.ArrowInvalid) as error:
                raise InvalidShard(
                    f"{path}: expected a whole Parquet shard, but it cannot be read ({error}). "
                    "Delete it and run `kedro run --pipelines=sample`; only it is made again."
                ) from error
            self._starts.append(self._starts[-1] + count)

    def __len__(self) -> int:
        return self._starts[-1]

    def require(self) -> QuadrupleShards:
        """Itself, if there is at least one quadruple.

        Raises:
            InvalidShard: there is none.
        """
        if not len(self):
            raise InvalidShard(
                f"{self.folder}: expected quadruple shards (*.parquet), found none. "
                "Run `kedro run --pipelines=sample` first."
            )
        return self

    def __getitem__(self, index: int) -> QuadrupleRow:
        """The row of that number, over all shards."""
        if not 0 <= index < len(self):
            raise IndexError(f"quadruple {index} of {len(self)}")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = self._table(shard).slice(index - self._starts[shard], 1).to_pylist()[0]
        listed = {key: tuple(row[key]) for key in ("background", "azimuths_deg", "output_images")}
        return QuadrupleRow(**(row | listed))

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
                path = self.paths[shard]
                try:
                    self._tables[shard] = pq.read_table(path, schema=_SCHEMA)
                except (OSError, pa.ArrowInvalid) as error:
                    raise InvalidShard(
                        f"{path}: expected quadruples in the columns {_SCHEMA.names}, found: "
                        f"{error}. Delete it and run `kedro run --pipelines=sample`; only it is "
                        "made again."
                    ) from error
                while len(self._tables) > _OPEN_SHARDS:
                    self._tables.popitem(last=False)
            self._tables.move_to_end(shard)
            return self._tables[shard]

    def __reduce__(self) -> tuple[type[QuadrupleShards], tuple[Path]]:
        """Another process opens the folder itself."""
        return QuadrupleShards, (self.folder,)
