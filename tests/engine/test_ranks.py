"""The same work in several processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dd3g_kedro.core.errors import InvalidWeights
from dd3g_kedro.core.processes import rank, ranks
from dd3g_kedro.engine.ranks import on_all_devices

LONG = """
import time
from pathlib import Path
from dd3g_kedro.engine.ranks import on_all_devices
from dd3g_kedro.core.processes import rank
def work(folder):
    import os
    (Path(folder) / f"{rank()}.pid").write_text(str(os.getpid()))
    time.sleep(300)
if __name__ == "__main__":
    on_all_devices(work, FOLDER, processes=2)
"""


def write_share(folder: Path) -> int:
    path = folder / f"{rank()}"
    path.write_text(f"{path.read_text() if path.exists() else ''}{ranks()}")
    return on_all_devices(ranks, processes=2)  # a helper starts no others


def fail_in_the_second(folder: Path) -> None:
    if rank() == 1:
        raise InvalidWeights("the second one's reason")
    time.sleep(300)


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_every_process_knows_its_number_and_how_many_there_are(tmp_path):
    on_all_devices(write_share, tmp_path, processes=2)
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"0": "21", "1": "2"}  # the caller goes through it last, alone
    assert (rank(), ranks()) == (0, 1)


def test_alone_nothing_is_started(tmp_path):
    assert on_all_devices(os.getpid, processes=1) == os.getpid()


def test_an_error_of_one_ends_all_and_arrives_as_itself(tmp_path):
    with pytest.raises(InvalidWeights, match="the second one's reason"):
        on_all_devices(fail_in_the_second, tmp_path, processes=2)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_helpers_end_with_the_process_that_started_them(tmp_path, how):
    script = tmp_path / "long.py"
    script.write_text(LONG.replace("FOLDER", repr(str(tmp_path))))
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    files = [tmp_path / "0.pid", tmp_path / "1.pid"]
    deadline = time.monotonic() + 90
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(parent.pid, how)
    parent.wait(timeout=30)
    helpers = [int(file.read_text()) for file in files]
    while any(alive(helper) for helper in helpers):
        assert time.monotonic() < deadline
        time.sleep(0.2)
