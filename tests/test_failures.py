from __future__ import annotations

import errno
import os

import pytest
from kedro.io import DatasetError

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.failures import explain
from dd3g_kedro.registry.config import Promotion


def raised(function) -> BaseException:
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


def test_our_own_errors_are_told_in_their_words():
    assert explain(InvalidImage("photo.png is opaque")) == "photo.png is opaque"


def test_a_value_error_of_ours_is_a_mistake_and_one_of_a_library_a_bug():
    import torch

    ours = raised(lambda: Promotion(metric=""))
    library = raised(lambda: torch.ones(3).view(2, 2))
    numbers = raised(
        lambda: int("x")
    )  # raised by the interpreter in this file: a bug of the caller
    assert explain(ours) == str(ours)
    assert explain(library) is None
    assert explain(numbers) is None


def test_the_cause_of_a_failed_load_is_told():
    def load() -> None:
        try:
            raise InvalidImage("photo.png is opaque")
        except InvalidImage as error:
            raise DatasetError("Failed while loading data from dataset X.") from error

    assert explain(raised(load)) == "photo.png is opaque"


def test_a_bug_inside_a_dataset_keeps_its_traceback():
    def load() -> None:
        try:
            raise TypeError("unsupported operand")
        except TypeError as error:
            raise DatasetError("Failed while loading data from dataset X.") from error

    assert explain(raised(load)) is None


def test_a_full_disk_says_that_nothing_is_lost():
    told = explain(OSError(errno.ENOSPC, "No space left on device", "data/x.parquet"))
    assert told is not None
    assert "data/x.parquet" in told
    assert "kept" in told


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_place_that_cannot_be_written_is_named_with_what_to_do(number):
    told = explain(OSError(number, os.strerror(number), "data/mlflow.db.lock"))
    assert told is not None
    assert told.startswith("data/mlflow.db.lock: expected a place that may be read and written")
    assert os.strerror(number) in told
    assert "copy of the project" in told
