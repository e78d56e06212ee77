"""Which quadruples a folder is to hold, which are there or were kept, and which are missing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.core.files import IN_USE
from dd3g_kedro.core.identity import Identity, file_fingerprint
from dd3g_kedro.core.kept import MANIFEST, UNKNOWN, kept_beside, set_aside, write_manifest
from dd3g_kedro.core.quadruples.shards import (
    ListedShard,
    QuadrupleRow,
    listed_shards,
    read_shard,
    rows_of,
    shard_identity,
    write_shard,
)

_LOG = logging.getLogger(__name__)


class Job(NamedTuple):
    """One quadruple: under a collection's identity, these two decide every bit of it."""

    image_id: str
    seed: int  # of N


@dataclass(frozen=True)
class PlannedShard:
    """A file and the quadruples that it is to hold, in order."""

    name: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Collection:
    """A folder of quadruples of one identity.

    `arrange` comes first, in one process; then several may `take` what was kept and `store`
    shards of `missing`; `finish` comes last, in one process.

    Args:
        folder: of the shards and their manifest.
        identity: what decides the quadruples besides their job.
        shards: all of them, in order.
    """

    folder: Path
    identity: Identity
    shards: Sequence[PlannedShard]

    @classmethod
    def of(
        cls, folder: Path, identity: Identity, jobs: Sequence[Job], shard_size: int
    ) -> Collection:
        """The jobs in equal portions."""
        portions = [jobs[i : i + shard_size] for i in range(0, len(jobs), shard_size)]
        shards = [
            PlannedShard(f"{number:05d}.parquet", tuple(portion))
            for number, portion in enumerate(portions)
        ]
        return cls(folder, identity, shards)

    @property
    def kept(self) -> Path:
        """Where quadruples of this identity lie that other plans had."""
        return kept_beside(self.folder) / self.identity.name

    def arrange(self) -> None:
        """Leave only whole planned shards in the folder; everything else is set aside."""
        self.folder.mkdir(parents=True, exist_ok=True)
        planned = {shard.name: shard for shard in self.shards}
        known = self._known_sums()
        sums: dict[str, str] = {}
        for path in sorted(self.folder.iterdir()):
            if path.name in (MANIFEST, IN_USE):
                continue
            if path.name.startswith(".") and path.name.endswith(".partial"):
                path.unlink()  # of a run that was killed while it wrote
                continue
            jobs, found = self._whole(path, known)
            if path.name in planned and jobs == planned[path.name].jobs:
                sums[path.name] = found
                continue
            into = self.kept if jobs else kept_beside(self.folder) / self._stranger(path)
            _LOG.info("%s is not of this collection: moved to %s", path, into)
            set_aside(path, into)
        self._write(sums)

    def _known_sums(self) -> set[str]:
        try:
            return {str(shard.sha256) for shard in listed_shards(self.folder) or ()}
        except InvalidShard:
            return set()

    def _whole(self, path: Path, known: set[str]) -> tuple[tuple[Job, ...], str]:
        """The jobs of a whole shard of this identity, none of anything else; its SHA-256."""
        if not path.is_file() or shard_identity(path) != self.identity.digest:
            return (), ""
        found = file_fingerprint(path)
        try:
            if found not in known:
                read_shard(path)
            return _jobs_of(path), found
        except InvalidShard as error:
            _LOG.warning("%s", error)
            return (), ""

    def _stranger(self, path: Path) -> str:
        """The folder among the kept ones for what is of another identity, damaged, or no shard."""
        digest = shard_identity(path) if path.is_file() else None
        known = digest is not None and digest.isalnum() and digest != self.identity.digest
        return digest[:16] if known and digest else UNKNOWN

    def missing(self) -> list[PlannedShard]:
        """The shards that are not there yet."""
        return [shard for shard in self.shards if not (self.folder / shard.name).is_file()]

    def known(self) -> dict[Job, Path]:
        """Where the kept quadruples of this identity lie."""
        found: dict[Job, Path] = {}
        for path in sorted(self.kept.glob("*.parquet")):
            if shard_identity(path) == self.identity.digest:
                found |= dict.fromkeys(_jobs_of(path), path)
        return found

    def take(self, shard: PlannedShard, known: Mapping[Job, Path]) -> dict[Job, QuadrupleRow]:
        """The quadruples of a shard that were kept."""
        wanted = set(shard.jobs)
        found: dict[Job, QuadrupleRow] = {}
        for path in dict.fromkeys(known[job] for job in shard.jobs if job in known):
            try:
                rows = rows_of(read_shard(path))
            except InvalidShard as error:
                _LOG.warning("%s", error)
                continue
            found |= {job: row for row in rows if (job := Job(row.image_id, row.seed)) in wanted}
        return found

    def store(self, shard: PlannedShard, rows: Mapping[Job, QuadrupleRow]) -> None:
        """Write a shard, whole or not at all."""
        ordered = [rows[job] for job in shard.jobs]
        write_shard(ordered, self.folder / shard.name, self.identity.digest)

    def finish(self) -> None:
        """Let the manifest say what is there now."""
        there = [self.folder / shard.name for shard in self.shards]
        self._write({path.name: file_fingerprint(path) for path in there if path.is_file()})

    def _write(self, sums: Mapping[str, str]) -> None:
        listed = [ListedShard(s.name, len(s.jobs), sums.get(s.name)) for s in self.shards]
        write_manifest(
            self.folder,
            {
                "identity": self.identity.document(),
                "planned": sum(shard.rows for shard in listed),
                "complete": len(sums) == len(listed),
                "shards": [asdict(shard) for shard in listed],
            },
        )


def _jobs_of(path: Path) -> tuple[Job, ...]:
    table = read_shard(path, ["image_id", "seed"])
    pairs = zip(table["image_id"].to_pylist(), table["seed"].to_pylist(), strict=True)
    return tuple(Job(*pair) for pair in pairs)
