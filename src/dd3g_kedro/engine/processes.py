"""Work spread over processes that end with the one that started them."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.processes import available_cores

Job = TypeVar("Job")
Result = TypeVar("Result")
_PORTION = 8  # jobs given to a process at once


def on_all_cores(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int | None, alone_up_to: int
) -> Iterator[Result]:
    """Results in the order of the jobs, with memory for a few of them at a time.

    Args:
        work: a function of a module, without state.
        jobs: what it takes.
        workers: processes; None: one a core.
        alone_up_to: so many jobs a process are done before another one would have started.

    Raises:
        DD3GError: a process died, most likely for lack of memory.
    """
    count = min(workers or available_cores(), math.ceil(len(jobs) / max(alone_up_to, 1)))
    if count <= 1:
        yield from map(work, jobs)
        return
    portions = [jobs[start : start + _PORTION] for start in range(0, len(jobs), _PORTION)]
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, context, initializer=live_and_die_with_the_parent)
    waiting: deque[Future[list[Result]]] = deque()
    done = 0
    try:
        for portion in portions:
            waiting.append(executor.submit(_portion, work, portion))
            if len(waiting) >= 4 * count:
                yield from waiting.popleft().result()
                done += _PORTION
        while waiting:
            yield from waiting.popleft().result()
            done += _PORTION
    except BrokenProcessPool as error:
        raise DD3GError(
            f"a worker process died at {str(jobs[done])[:120]} or soon after, probably for lack of "
            "memory; what was finished is kept. Run again with fewer workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _portion(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    return [work(job) for job in jobs]


def live_and_die_with_the_parent() -> None:
    """One thread each; leave Ctrl-C to the parent, and end when it is gone, even if killed."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by whoever imports torch: inspecting never does
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_the_parent()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Processes that are started in here never hear Ctrl-C, not even while they start."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_the_parent() -> None:
    """Let this process end when the one that started it is gone, even if that was killed."""
    threading.Thread(target=_wait_for_the_parent, daemon=True).start()


def _wait_for_the_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
