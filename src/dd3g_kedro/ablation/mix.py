"""A part of the quadruples of several folders, read as if it were one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from dd3g_kedro.ablation.config import AblateConfig, Row
from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.core.quadruples.shards import (
    SHUFFLED_SHARDS,
    QuadrupleRow,
    QuadrupleShards,
    read_shard,
)

_POOLED = (  # columns of a quadruple that no row changes
    *("image_id", "border_ratio", "seed", "azimuths_deg", "elevation_deg"),
    *("guidance_scale", "temperature", "steps", "teacher"),
)


@dataclass(frozen=True)
class Source:
    """Quadruples, their input images by id, and the share of these images that is used."""

    shards: QuadrupleShards
    images: Mapping[str, Path]
    share: float  # in [0, 1]
    limit: int | None = None  # at most so many images, of which the share is taken


def chosen_rows(source: Source) -> list[int]:
    """The rows of the chosen images: always the first in the order of their ids.

    An id is a hash of the picture, so its order is a random one; a smaller share is a part of
    a larger one, and another folder made of the same images in that order has the same ones.
    """
    ids = source.shards.image_ids()
    ordered = sorted(set(ids))[: source.limit]
    kept = set(ordered[: round(source.share * len(ordered))])
    return [number for number, image_id in enumerate(ids) if image_id in kept]


def pool(source: Source) -> str:
    """A hash of the quadruples that a source could give: its share and the background are left out.

    Rows may differ in these on purpose; a pool of other images, seeds, cameras or another teacher's
    makes rows incomparable.
    """
    whole = set(chosen_rows(replace(source, share=1.0)))
    tables = [read_shard(path, _POOLED) for path in source.shards.paths]
    rows = [row for table in tables for row in table.to_pylist()]
    told = sorted(json.dumps(row, sort_keys=True) for i, row in enumerate(rows) if i in whole)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


class MixedQuadruples(QuadrupleShards):
    """Chosen rows of several sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Choose the rows.

        Raises:
            InvalidShard: not one row is left.
        """
        self._sources = [source for source in sources if source.share > 0]
        self.folder = self._sources[0].shards.folder
        self.paths = [path for source in self._sources for path in source.shards.paths]
        places: list[tuple[int, int]] = []
        shard_of: list[int] = []
        first = 0
        for number, source in enumerate(self._sources):
            rows = chosen_rows(source)
            ends = np.cumsum([shard.rows for shard in source.shards.listed])
            shard_of += (first + np.searchsorted(ends, rows, side="right")).tolist()
            places += [(number, row) for row in rows]
            first += len(source.shards.paths)
        if not places:
            folders = ", ".join(str(source.shards.folder) for source in self._sources)
            raise InvalidShard(
                f"{folders}: expected quadruples of the shares that the row asks for, found none. "
                "Sample more of them, or raise ablate.images and the row's quadruples"
            )
        self._places = places
        self._shard_of = torch.tensor(shard_of)

    @property
    def images(self) -> dict[str, Path]:
        """The input images of all sources by id."""
        return {
            image_id: path for source in self._sources for image_id, path in source.images.items()
        }

    @property
    def fingerprint(self) -> str:
        """A hash of which rows of which shards are used."""
        told = [source.shards.fingerprint for source in self._sources]
        content = "\n".join([*told, *(f"{source}:{row}" for source, row in self._places)])
        return hashlib.sha256(content.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> QuadrupleRow:
        """The row of that number among the chosen ones."""
        number, place = self._places[index]
        return self._sources[number].shards[place]

    def image_ids(self) -> list[str]:
        """Of every chosen row, in order."""
        ids = [source.shards.image_ids() for source in self._sources]
        return [ids[number][place] for number, place in self._places]

    def order(self, epoch: int, seed: int) -> Int[Tensor, " n"]:
        """All chosen rows in a random order that asks for a few shards at a time."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        turn = torch.randperm(len(self.paths), generator=generator) // SHUFFLED_SHARDS
        key = turn[self._shard_of] + torch.rand(len(self), generator=generator, dtype=torch.double)
        return key.argsort()

    def __reduce__(self) -> tuple[type[MixedQuadruples], tuple[list[Source]]]:  # type: ignore[override]
        """Another process opens the folders itself."""
        return MixedQuadruples, (self._sources,)


def sources_of(
    ablate: AblateConfig,
    name: str,
    rendered: tuple[QuadrupleShards, Mapping[str, Path]],
    stylised: tuple[QuadrupleShards, Mapping[str, Path]] | None = None,
) -> list[Source]:
    """Where the row `name` takes its quadruples from; each with its images by id.

    Raises:
        ValueError: the row learns from no quadruples, or wants stylised ones and there are none.
    """
    mix = (ablate.rows[name] or Row(label=name, sentence="")).quadruples
    if mix is None:
        raise ValueError(f"ablate.rows.{name}.quadruples is null: it learns from no quadruples")
    sources = [Source(*rendered, mix.rendered, ablate.images)]
    if stylised is not None:
        sources.append(Source(*stylised, mix.synthetic))
    elif mix.synthetic > 0:
        raise ValueError(f"ablate.rows.{name}.quadruples.synthetic is above 0, but none were given")
    return sources
