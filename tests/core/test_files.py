"""A failed write names the file that was meant, and leaves what stood there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dd3g_kedro.core.files import written_whole

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs a disk that is always full")
def test_a_full_disk_names_the_file_also_where_its_error_does_not(tmp_path):
    path = tmp_path / "00000.parquet"
    path.write_text("before")
    with (
        pytest.raises(OSError, match=r"No space left on device.*00000\.parquet") as failure,
        written_whole(path) as temporary,
    ):
        temporary.write_text("half")
        FULL.write_text("the rest")
    assert (failure.value.errno, failure.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
