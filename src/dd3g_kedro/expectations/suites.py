"""Great Expectations without its folders: a suite in code, run on a table in memory.

Importing this module takes seconds; pipelines import it inside functions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation

# It tells of every temporary folder.
logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Verdict:
    """What one expectation says of a table."""

    expectation: Expectation
    success: bool
    unexpected: list  # the key column's values of the rows that fail, for expectations on rows
    observed: str  # what came, in few words


def run_suite(
    table: pd.DataFrame, name: str, expectations: Sequence[Expectation], key: str
) -> list[Verdict]:
    """Check a table; one verdict for each expectation, in their order.

    Raises:
        ValueError: an expectation could not be computed.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    assets = context.data_sources.add_pandas("pandas").add_dataframe_asset(name)
    whole = assets.add_batch_definition_whole_dataframe("whole")
    marked = [e.copy(update={"meta": {"index": index}}) for index, e in enumerate(expectations)]
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=marked))
    definition = gx.ValidationDefinition(name=name, data=whole, suite=suite)
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]},
    )
    run = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table})
    results = [result for part in run.run_results.values() for result in part.results]
    by_index = {_index(result): result for result in results}
    return [_verdict(e, by_index[index], key) for index, e in enumerate(expectations)]


def _index(result: ExpectationValidationResult) -> int:
    config = result.expectation_config
    return (config.meta or {}).get("index", -1) if config else -1


def _verdict(expectation: Expectation, result: ExpectationValidationResult, key: str) -> Verdict:
    raised = result.exception_info or {}
    if raised.get("raised_exception"):
        raise ValueError(
            f"{type(expectation).__name__} could not be computed: {raised['exception_message']}"
        )
    found = result.result or {}
    rows = [entry[key] for entry in found.get("unexpected_index_list") or []]
    observed = found.get("partial_unexpected_list") or found.get("observed_value", "")
    return Verdict(expectation, bool(result.success), rows, str(observed)[:200])
