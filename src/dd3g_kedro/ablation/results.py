"""What is kept of a row: one JSON document and one picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from dd3g_kedro.ablation.config import ROWS, AblateConfig
from dd3g_kedro.ablation.measures import RowMeasures
from dd3g_kedro.ablation.rows import RowSettings
from dd3g_kedro.ablation.training import TrainedRow
from dd3g_kedro.benchmark.protocol import Manifest
from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.student.weights import Student

DOCUMENT, SHEET = "result.json", "sheet.png"


@dataclass(frozen=True)
class RowResult:
    """A row's document: `row`, `table`, `label` and either `same_as`, `left_out` or the numbers.

    Numbers are `settings`, `training`, `metrics` (means) and the values they are means of, by
    metric and object (`objects`) or held-out image (`images`).
    """

    document: dict[str, Any]
    sheet: Image.Image | None = None
    student: Student | None = None  # as it was trained; not read again

    @property
    def trained(self) -> bool:
        """Whether it has numbers of its own."""
        return "metrics" in self.document

    def values(self, metric: str) -> dict[str, float]:
        """The metric by object or image; empty where it was not measured."""
        both = self.document.get("objects", {}) | self.document.get("images", {})
        return {name: float(value) for name, value in both.get(metric, {}).items()}


def unmeasured(name: str, ablate: AblateConfig) -> RowResult:
    """The document of a row that is another one, or left out."""
    row = ablate.rows[name]
    told = {"left_out": True} if row is None else {"label": row.label, "same_as": row.same_as}
    return RowResult({"row": name, "table": ROWS[name], **told})


def measured(
    name: str,
    label: str,
    settings: RowSettings,
    trained: TrainedRow,
    measures: RowMeasures,
    measured_on: str,
    minutes: float,
    manifest: Manifest,
    common: str,
) -> RowResult:
    """The document of a row that was trained and measured."""
    student = trained.student
    document = {
        "row": name,
        "table": ROWS[name],
        "label": label,
        "measured_on": measured_on,
        "protocol": named(manifest),
        "settings": settings.document(),
        "training": {
            "quadruples": trained.quadruples,
            "parameters": sum(p.numel() for p in student.parameters()),
            "device": device_name(next(student.parameters()).device.type),
            "minutes": round(minutes, 2),
            "data": trained.data,
            "teacher": trained.teacher,
            "common": common,
        },
        "metrics": {key: round(value, 6) for key, value in measures.means().items()},
        "objects": _rounded(measures.objects),
        "images": _rounded(measures.images),
    }
    return RowResult(document, measures.sheet, student)


def named(manifest: Manifest) -> dict[str, str]:
    """What a document says of the protocol that its numbers belong to."""
    return {"id": manifest.id, "digest": manifest.digest}


def device_name(kind: str) -> str:
    """The graphics card's name, or `cpu`."""
    import torch

    return torch.cuda.get_device_name() if kind == "cuda" else kind


def write_result(folder: Path, result: RowResult) -> None:
    """Write the document and the picture, each whole or not at all."""
    sheet = folder / SHEET
    if result.sheet is None:
        sheet.unlink(missing_ok=True)
    else:
        with written_whole(sheet) as partial:
            result.sheet.save(partial, format="PNG")
    with written_whole(folder / DOCUMENT) as partial:
        partial.write_text(json.dumps(result.document, indent=1, sort_keys=True) + "\n")


def read_result(folder: Path) -> RowResult | None:
    """What `write_result` wrote; None where nothing is.

    Raises:
        DD3GError: the document cannot be read.
    """
    path, sheet = folder / DOCUMENT, folder / SHEET
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text())
        if not isinstance(document, dict) or document.get("row") not in ROWS:
            raise ValueError("it names no row")
    except ValueError as error:
        raise DD3GError(
            f"{path}: expected a row's result, but {error}. Delete it; the row is measured again."
        ) from error
    picture = None
    if sheet.is_file():
        with Image.open(sheet) as stored:
            picture = stored.convert("RGB")
    return RowResult(document, picture)


def _rounded(scores: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        metric: {name: round(value, 6) for name, value in found.items()}
        for metric, found in scores.items()
    }


def columns(settings: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Settings as columns such as `student.pepd.image_encoder.width`."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{where}.{key}" if where else str(key)
        nested = isinstance(value, Mapping) and value
        found |= columns(value, path) if nested else {path: value}
    return found
