"""The same work in several processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dd3g_kedro.core.errors import DD3GError, InvalidWeights
from dd3g_kedro.core.processes import rank, ranks
from dd3g_kedro.engine.ranks import on_all_devices

STOPPED = """
import os, signal, time
from pathlib import Path
from dd3g_kedro.engine.ranks import on_all_devices
from dd3g_kedro.core.processes import rank
def work(folder):
    asked = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    (Path(folder) / f"{rank()}.pid").write_text(str(os.getpid()))
    while not asked:
        time.sleep(0.05)
    time.sleep(0.5)  # the step in hand
    (Path(folder) / f"{rank()}.saved").touch()
    raise KeyboardInterrupt
if __name__ == "__main__":
    try:
        on_all_devices(work, FOLDER, processes=2)
    except KeyboardInterrupt as told:
        (Path(FOLDER) / "told").write_text(str(told))
"""
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


def name_yourself(folder: Path) -> None:
    (folder / f"{rank()} of {ranks()}").touch()


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


def die_in_the_second() -> None:
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(300)


def test_the_death_of_one_is_told_and_the_signals_are_the_callers_again():
    heard = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(DD3GError, match=r"one of 2 processes died.*smaller batch"):
        on_all_devices(die_in_the_second, processes=2)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == heard


def test_a_process_of_a_launcher_is_one_of_those_that_share_the_work(monkeypatch, caplog):
    monkeypatch.setenv("RANK", "1")
    assert (rank(), ranks()) == (0, 1)  # it says nothing without how many there are
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert on_all_devices(lambda: (rank(), ranks()), processes=2) == (1, 2)
    assert caplog.text == ""
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with caplog.at_level("WARNING", "dd3g_kedro"):
        assert on_all_devices(os.getpid, processes=8) == os.getpid()
    assert "one of 1 processes, where 8 could share the work; unset both" in caplog.text


def test_a_rank_without_its_world_does_not_keep_the_others_from_being_started(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RANK", "0")
    on_all_devices(name_yourself, tmp_path, processes=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0 of 1", "0 of 2", "1 of 2"]


def started(script: Path, text: str) -> tuple[subprocess.Popen, list[int]]:
    """A program of two helpers, which have begun; and their numbers."""
    folder = script.parent
    script.write_text(text.replace("FOLDER", repr(str(folder))))
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    files = [folder / "0.pid", folder / "1.pid"]
    deadline = time.monotonic() + 90
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return parent, [int(file.read_text()) for file in files]


def test_a_stop_lets_all_of_them_finish_their_step(tmp_path):
    parent, _ = started(tmp_path / "stopped.py", STOPPED)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(timeout=30) == 0
    assert {path.name for path in tmp_path.glob("*.saved")} == {"0.saved", "1.saved"}
    assert (tmp_path / "told").read_text() == "stopped; start the same command again to go on"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_helpers_end_with_the_process_that_started_them(tmp_path, how):
    parent, helpers = started(tmp_path / "long.py", LONG)
    os.kill(parent.pid, how)
    parent.wait(timeout=30)
    deadline = time.monotonic() + 20
    while any(alive(helper) for helper in helpers):
        assert time.monotonic() < deadline
        time.sleep(0.2)
