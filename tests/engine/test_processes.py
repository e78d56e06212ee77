"""Work spread over processes: order, failures, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.engine.processes import ctrl_c_held_back, on_all_cores

WAITING = """
import time
from dd3g_kedro.engine.processes import ctrl_c_held_back, on_all_cores
if __name__ == "__main__":
    for _ in on_all_cores(time.sleep, [0.01] * 8 + [600] * 8, 2, 1):
        print("begun", flush=True)
"""


def test_a_few_jobs_are_done_by_this_very_process():
    assert set(on_all_cores(process_of, range(5), 2, 64)) == {os.getpid()}


def process_of(_: int) -> int:
    return os.getpid()


def test_no_jobs_give_no_results():
    assert list(on_all_cores(abs, [], None, 64)) == []


@pytest.mark.slow
def test_several_processes_give_what_one_gives_in_the_same_order():
    jobs = list(range(-70, 60))
    assert list(on_all_cores(abs, jobs, 2, 1)) == [abs(job) for job in jobs]


@pytest.mark.slow
def test_a_process_that_dies_is_told():
    with pytest.raises(DD3GError, match="a worker process died at 1 or soon after"):
        list(on_all_cores(os._exit, [1] * 4, 2, 1))


def test_no_other_room_starts_a_pool_of_its_own(project: Path):
    """What this one promises (order, memory, no process left behind) then holds for all."""
    own = project / "src" / "dd3g_kedro" / "engine"
    for path in (project / "src").rglob("*.py"):
        assert own in path.parents or "ProcessPoolExecutor" not in path.read_text(), path


@pytest.fixture
def ctrl_c_heard():
    """A shell's background jobs (`make test &`) ignore it otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_process_does_not_hear_ctrl_c_from_its_very_start_and_this_one_does(ctrl_c_heard):
    deaf = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('lives')"
    with ctrl_c_held_back():
        heard = subprocess.run([sys.executable, "-c", deaf], capture_output=True, check=True)
    assert heard.stdout == b"lives\n"
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def children(process: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(
                line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
            )
        except (OSError, ValueError):
            continue  # ended while we looked
        if int(lines.get("PPid", 0)) == process:
            found.add(int(status.parent.name))
    return found


def running(process: int) -> bool:
    try:
        return "Z" not in (Path("/proc") / str(process) / "stat").read_text().split(") ")[1][:1]
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_killing_the_parent_leaves_no_process_behind(tmp_path):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    semaphores = set(Path("/dev/shm").glob("sem.*"))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        workers = children(parent.pid)
        assert len(workers) >= 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 5
        while any(map(running, workers)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(running, workers))
    assert set(Path("/dev/shm").glob("sem.*")) <= semaphores
