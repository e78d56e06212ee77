"""One process a GPU: the same work, started from inside the node that needs it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import cloudpickle
import torch

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.engine.processes import end_with_the_parent

Result = TypeVar("Result")
_HELPER = "DD3G_RANK_OF"  # set in helpers only: accelerate's own launcher sets RANK as well


def on_all_devices(work: Callable[..., Result], *arguments: Any, processes: int | None) -> Result:
    """`work(*arguments)`, shared by several processes where there are several GPUs.

    When they have ended, this process goes through the same work itself and finds it done: in a
    finished checkpoint, or in files. So there is one way through the code, whatever the number of
    processes. A helper that calls this again starts no others.

    Args:
        work: a function of a module; what it returns here is returned.
        arguments: what it takes; pickled.
        processes: how many; None: one a GPU, so one on a machine without.

    Raises:
        DD3GError: a process died.
        Exception: what the first process that failed has raised.
    """
    count = processes or max(torch.cuda.device_count(), 1)
    if count == 1 or _HELPER in os.environ or "RANK" in os.environ:
        return work(*arguments)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    level = logging.getLogger("dd3g_kedro").getEffectiveLevel()
    job = cloudpickle.dumps((work, arguments))
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, context)
    with executor, _stop_passed_on() as asked:
        helpers = [executor.submit(_help, job, i, count, port, level) for i in range(count)]
        done, left = wait(helpers, return_when=FIRST_EXCEPTION)
        failed = [helper for helper in done if helper.exception()]
        if failed and left:
            wait(left, timeout=5)  # those that were asked to stop as well
            for child in multiprocessing.active_children():
                child.kill()  # it waits for one that will never answer
    if asked:
        raise KeyboardInterrupt("stopped; start the same command again to go on")
    for helper in failed:
        try:
            helper.result()
        except BrokenProcessPool as error:
            raise DD3GError(
                f"one of {count} processes died, probably for lack of memory; what was saved is "
                "kept. Run again with a smaller batch"
            ) from error
    return work(*arguments)


@contextmanager
def _stop_passed_on() -> Iterator[list[int]]:
    """Helpers are asked to stop when this process is; yields the signals that came."""
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        asked.append(number)
        for child in multiprocessing.active_children():
            child.terminate()

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, ask)
    except ValueError:  # not the main thread: the caller's handlers stay
        previous = {}
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _help(job: bytes, index: int, count: int, port: int, level: int) -> None:
    end_with_the_parent()  # else a helper that waits for the others would keep its GPU for ever
    os.environ |= {
        _HELPER: str(count),
        "RANK": str(index),
        "LOCAL_RANK": str(index),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    if index == 0:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        logging.getLogger("dd3g_kedro").setLevel(level)
    if torch.cuda.is_available():
        torch.cuda.set_device(index % torch.cuda.device_count())
        torch.set_num_threads(1)  # batches are read beside it; a team each would choke the CPU
    else:
        torch.set_num_threads(max(torch.get_num_threads() // count, 1))
    work, arguments = cloudpickle.loads(job)
    work(*arguments)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
