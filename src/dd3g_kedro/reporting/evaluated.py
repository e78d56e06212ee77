"""An evaluation as it is stored: its tables must all be of one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Evaluated:
    """What `evaluate` wrote.

    Raises:
        ValueError: parts are of different evaluations.
    """

    protocol: Mapping[str, Any]  # `report.protocol`
    metrics: Mapping[str, Any]  # `report.summary`
    intervals: pd.DataFrame
    per_object: pd.DataFrame
    per_view: pd.DataFrame
    by_azimuth: pd.DataFrame
    costs: pd.DataFrame
    pictures: pd.DataFrame  # `kept_pictures.kept_table`
    study_scores: pd.DataFrame  # of their own protocol; maybe empty

    def __post_init__(self) -> None:
        named = {"metrics.json": {self.metrics.get("protocol", {}).get("digest")}}
        self._require(named, self.digest)
        tables = {
            f"{name}.csv": set(getattr(self, name)["protocol"])
            for name in ("intervals", "per_object", "per_view", "costs")
        }
        self._require(tables | {"pictures.parquet": set(self.pictures["protocol"])}, self.id)
        scored = self.per_object[self.per_object["status"] == "scored"]
        if absent := set(scored["method"]) - set(self.metrics):
            raise ValueError(
                f"report: metrics.json has no numbers of {min(absent)}, per_object.csv has; "
                "they are of different evaluations. Run `kedro run --pipelines=evaluate` again"
            )

    def _require(self, found: Mapping[str, set[Any]], expected: str) -> None:
        for file, names in found.items():
            if names - {expected}:
                other = ", ".join(sorted(str(name) for name in names - {expected}))
                raise ValueError(
                    f"report: {file} is of the protocol {other}, protocol.yaml says {expected}; "
                    "they are of different evaluations. Run `kedro run --pipelines=evaluate` again"
                )

    @property
    def id(self) -> str:
        """The protocol's name and version."""
        return str(self.protocol["id"])

    @property
    def digest(self) -> str:
        """SHA-256 of the protocol's manifest."""
        return str(self.protocol["digest"])

    @property
    def methods(self) -> tuple[str, ...]:
        """In the table's order."""
        return tuple(self.per_object["method"].unique())

    @property
    def objects(self) -> tuple[str, ...]:
        """Scored or not."""
        return tuple(sorted(self.per_object["object_id"].unique()))

    @property
    def source(self) -> str:
        """What kind of data the protocol reads."""
        return str(self.protocol["manifest"]["source"])


def texts(table: pd.DataFrame) -> pd.DataFrame:
    """The table with "" where a CSV file's text is empty."""
    words = table.select_dtypes(exclude="number").columns
    return table.assign(**{name: table[name].astype(object).fillna("") for name in words})
