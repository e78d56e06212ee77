"""What a row really is: the common settings with its changes laid over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dd3g_kedro.ablation.config import AblateConfig, Mix
from dd3g_kedro.core.config_building import build, plain
from dd3g_kedro.core.identity import deciding
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.training.config import FREE


def merged(base: Any, changes: Any) -> Any:
    """`changes` laid over `base`, key by key; null, lists and literals replace what was there."""
    if not isinstance(base, Mapping) or not isinstance(changes, Mapping):
        return changes
    both = {**base, **changes}
    return {
        key: merged(base[key], value) if key in base and key in changes else value
        for key, value in both.items()
    }


@dataclass(frozen=True)
class RowSettings:
    """Everything that decides a row's weights, but the data and the teacher."""

    student: StudentConfig
    objective: ObjectiveConfig
    quadruples: Mix | None
    optimization: dict[str, Any]
    perceptual: dict[str, Any]
    verified_share: float

    def document(self) -> dict[str, Any]:
        """As JSON can hold it; the columns of a tracked run are its leaves."""
        return {name: plain(value) for name, value in vars(self).items()}


def row_settings(
    name: str, ablate: AblateConfig, student: StudentConfig, objective: ObjectiveConfig
) -> RowSettings:
    """The settings of the row `name`, which is trained.

    Raises:
        ValueError: its changes do not fit; the message names the key.
    """
    row = ablate.rows[name]
    if row is None:
        raise ValueError(f"ablate.rows.{name} is null: it is left out")
    try:
        own_student = build(StudentConfig, merged(plain(student), row.student), "student")
        own_objective = build(ObjectiveConfig, merged(plain(objective), row.objective), "objective")
    except ValueError as error:
        raise ValueError(f"ablate.rows.{name}: {error}") from error
    return RowSettings(
        student=own_student,
        objective=own_objective,
        quadruples=row.quadruples,
        optimization=deciding(ablate.optimization, FREE),
        perceptual=_perceptual(ablate),
        verified_share=ablate.verified_share,
    )


def _perceptual(ablate: AblateConfig) -> dict[str, Any]:
    backbone = ablate.lpips_backbone if ablate.perceptual == "lpips" else None
    return {"kind": ablate.perceptual, "backbone": backbone}


def common_digest(ablate: AblateConfig, student: StudentConfig, objective: ObjectiveConfig) -> str:
    """Tells apart what rows change from: other common settings make rows incomparable."""
    told = [plain(student), plain(objective), _perceptual(ablate), ablate.images]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def check_rows(ablate: AblateConfig, student: StudentConfig, objective: ObjectiveConfig) -> None:
    """Every row's changes must fit, before the first one is trained for hours.

    Raises:
        ValueError: a row's changes do not fit; the message names the row and the key.
    """
    for name, row in ablate.rows.items():
        if row is not None and row.same_as is None:
            row_settings(name, ablate, student, objective)
