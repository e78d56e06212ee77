"""When a picture is good enough to be lifted to 3D: expectations that say why one is not.

Importing this module takes seconds; pipelines import it inside functions.
"""

from __future__ import annotations

from typing import Any, Protocol

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from dd3g_kedro.pictures.config import ImageCriteria

_SIDES = ("left", "top", "right", "bottom")


class Criterion(Protocol):
    """An expectation on rows that tells a person why a row fails it."""

    def reason(self, row: Any) -> str:
        """The reason in words, for one row of the image table."""
        ...


class ExpectReadable(gxe.ExpectColumnValuesToBeNull):
    """The file could be decoded."""

    column: str = "problem"
    description: str = "The file is a whole, still picture within the limits of size."

    def reason(self, row: Any) -> str:
        """What the decoder said."""
        return row.problem


class ExpectTransparency(gxe.ExpectColumnValuesToBeInSet):
    """The object was cut out."""

    column: str = "transparent"
    value_set: list = [True]  # noqa: RUF012 (a pydantic field)
    description: str = "The picture has transparent surroundings."

    def reason(self, row: Any) -> str:
        """No pixel is transparent."""
        return (
            f"opaque: no transparency (mode {row['mode']}); remove the background and save it as "
            "PNG with transparency"
        )


class ExpectVisibleObject(gxe.ExpectColumnValuesToBeBetween):
    """There is something to see."""

    column: str = "coverage"
    min_value: float = 0.0
    strict_min: bool = True
    description: str = "Some pixels are at least half visible."

    def reason(self, row: Any) -> str:  # noqa: ARG002 (all criteria are asked the same way)
        """Nothing is visible."""
        return "empty: no pixel is even half visible"


class ExpectResolution(gxe.ExpectColumnValuesToBeBetween):
    """The picture has enough pixels."""

    column: str = "short_side"
    description: str = "The shorter side has enough pixels."

    def reason(self, row: Any) -> str:
        """Too small."""
        return (
            f"too small: {row.width} x {row.height} pixels, the shorter side needs {self.min_value}"
        )


class ExpectCoverage(gxe.ExpectColumnValuesToBeBetween):
    """The object is neither a dot nor the whole picture."""

    column: str = "coverage"
    description: str = "The object covers a fair share of the picture."

    def reason(self, row: Any) -> str:
        """Too little or too much of the picture."""
        small = row.coverage < self.min_value
        return (
            f"the object covers {row.coverage:.1%} of the picture, "
            + (
                f"less than {self.min_value:.1%}: "
                if small
                else f"more than {self.max_value:.1%}: "
            )
            + ("it is too small" if small else "hardly any background was removed")
        )


class ExpectObjectInside(gxe.ExpectColumnValuesToBeBetween):
    """The object ends before the picture does."""

    column: str = "border_contact"
    description: str = "The picture shows the whole object."

    def reason(self, row: Any) -> str:
        """Which sides it touches."""
        shares = {side: row[f"border_{side}"] for side in _SIDES}
        touched = [
            f"{share:.0%} of the {s}" for s, share in shares.items() if share > self.max_value
        ]
        return (
            f"touches the border on {len(touched)} {'side' if len(touched) == 1 else 'sides'} "
            f"({', '.join(touched)}): the object is cut off; use a picture that shows all of it"
        )


class ExpectCentred(gxe.ExpectColumnValuesToBeBetween):
    """The object is not in a corner."""

    column: str = "off_centre"
    description: str = "The object lies near the picture's middle."

    def reason(self, row: Any) -> str:
        """How far away from the middle."""
        return (
            f"off centre: the object's middle is {row.off_centre:.0%} of the picture's longer side "
            f"away from the picture's, more than {self.max_value:.0%}"
        )


class ExpectFewParts(gxe.ExpectColumnValuesToBeBetween):
    """One object, not a handful of crumbs."""

    column: str = "parts"
    description: str = "The object has few unconnected pieces."

    def reason(self, row: Any) -> str:
        """How many pieces."""
        return (
            f"{row.parts} unconnected pieces, more than {self.max_value}: remains of a background, "
            "or many objects"
        )


class ExpectMainPart(gxe.ExpectColumnValuesToBeBetween):
    """One piece is the object."""

    column: str = "largest_part"
    description: str = "The largest piece holds a fair share of the object."

    def reason(self, row: Any) -> str:
        """How little the largest piece holds."""
        return (
            f"the largest of {row.parts} pieces holds {row.largest_part:.0%}, less than "
            f"{self.min_value:.0%}: probably several objects"
        )


class ExpectSharpness(gxe.ExpectColumnValuesToBeBetween):
    """The picture is in focus."""

    column: str = "sharpness"
    description: str = "A blur would change the picture."

    def reason(self, row: Any) -> str:
        """How blurred."""
        return f"blurred: sharpness {row.sharpness:.2f}, at least {self.min_value:.2f} is wanted"


class ExpectExposure(gxe.ExpectColumnValuesToBeBetween):
    """The object is not all black or all white."""

    column: str = "clipped"
    description: str = "The object shows more than pure black or pure white."

    def reason(self, row: Any) -> str:
        """Which end of the scale it stands at."""
        tone = "white: overexposed" if row.brightness > 0.5 else "black: underexposed"
        return f"{row.clipped:.0%} of the object is pure black or white, mostly {tone}"


class ExpectOriginal(gxe.ExpectColumnValuesToBeNull):
    """No other accepted picture shows the same."""

    column: str = "repeats"
    description: str = "No earlier accepted picture looks the same."

    def reason(self, row: Any) -> str:
        """Which one it repeats."""
        if row.identical:
            return f"identical to {row.repeats}: the same pixels"
        return f"near-duplicate of {row.repeats} (distance {row.repeats_distance})"


def readable_suite() -> list[Expectation]:
    """Asked of every file."""
    return [ExpectReadable()]


def usable_suite() -> list[Expectation]:
    """Asked of every readable file; no person can overrule these."""
    return [ExpectTransparency(), ExpectVisibleObject()]


def quality_suite(criteria: ImageCriteria) -> list[Expectation]:
    """Asked of every usable picture."""
    low, high = criteria.coverage
    return [
        ExpectResolution(min_value=criteria.min_side),
        ExpectCoverage(min_value=low, max_value=high),
        ExpectObjectInside(max_value=criteria.max_border_contact),
        ExpectCentred(max_value=criteria.max_off_centre),
        ExpectFewParts(max_value=criteria.max_parts),
        ExpectMainPart(min_value=criteria.min_largest_part),
        ExpectSharpness(min_value=criteria.min_sharpness),
        ExpectExposure(max_value=criteria.max_clipped),
    ]


def original_suite() -> list[Expectation]:
    """Asked of every picture that would be accepted."""
    return [ExpectOriginal()]
