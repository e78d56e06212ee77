"""What is true of every image table that is saved: the catalog's hard gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from dd3g_kedro.expectations.suites import Verdict

REQUIRED_COLUMNS = (
    "image_id",
    "file",
    "accepted",
    "reasons",
    "decided_by",
    "width",
    "height",
    "coverage",
    "phash",
    "source",
    "licence",
)


class ImageTable:
    """Catalog validator: refuses an image table that later stages could not rely on."""

    def validate(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the table unchanged.

        Raises:
            ValueError: naming what was expected, of which column, and what came.
        """
        import great_expectations.expectations as gxe

        from dd3g_kedro.expectations.suites import run_suite

        _refuse(run_suite(data, "columns", [_exists(c) for c in REQUIRED_COLUMNS], key="file"))
        every = [
            gxe.ExpectTableRowCountToBeBetween(min_value=1, description="the table has rows"),
            gxe.ExpectColumnValuesToNotBeNull(column="file", description="every row has a file"),
            gxe.ExpectColumnValuesToBeUnique(column="file", description="a file has one row"),
            gxe.ExpectColumnValuesToBeInSet(
                column="accepted", value_set=[True, False], description="accepted is true or false"
            ),
            gxe.ExpectColumnValuesToNotBeNull(
                column="decided_by", description="every row says who decided"
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="coverage", min_value=0, max_value=1, description="coverage is a share"
            ),
        ]
        _refuse(run_suite(data, "rows", every, key="file"))
        is_accepted = data["accepted"].astype(bool)
        accepted, rejected = data[is_accepted], data[~is_accepted]
        if len(accepted):
            _refuse(run_suite(accepted, "accepted rows", _of_accepted(), key="file"))
        if len(rejected):
            reasoned = gxe.ExpectColumnValueLengthsToBeBetween(
                column="reasons", min_value=1, description="a rejected row has reasons"
            )
            _refuse(run_suite(rejected, "rejected rows", [reasoned], key="file"))
        return data


def _exists(column: str):
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnToExist(column=column, description=f"there is a column {column}")


def _of_accepted() -> list:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToMatchRegex(
            column="image_id",
            regex="^[0-9a-f]{16}$",
            description="an accepted picture has an id of 16 hexadecimal digits",
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            column="image_id", description="an accepted picture has an id"
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="image_id", description="no two accepted pictures have the same pixels"
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="coverage",
            min_value=0,
            strict_min=True,
            max_value=1,
            description="an accepted picture shows something",
        ),
    ]


def _refuse(verdicts: list[Verdict]) -> None:
    """Raise for what was not met."""
    failed = [verdict for verdict in verdicts if not verdict.success]
    if failed:
        told = [
            f"{v.expectation.description}: not so for {len(v.unexpected)} rows "
            f"({', '.join(map(str, v.unexpected[:3]))}; found {v.observed})"
            if v.unexpected
            else f"{v.expectation.description}: not so (found {v.observed or 'none'})"
            for v in failed
        ]
        raise ValueError("the image table breaks its promises: " + "; ".join(told))
