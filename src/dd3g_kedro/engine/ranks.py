"""One process a GPU: the same work, started from inside the node that needs it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import cloudpickle
import torch

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.processes import launched, ranks
from dd3g_kedro.engine.processes import end_with_the_parent

Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)
_PATIENCE = 120  # seconds for the step in hand and its checkpoint, when asked to stop
_STOPS = (signal.SIGINT, signal.SIGTERM)


def on_all_devices(work: Callable[..., Result], *arguments: Any, processes: int | None) -> Result:
    """`work(*arguments)`, shared by several processes where there are several GPUs.

    When they have ended, this process goes through the same work itself and finds it done: in a
    finished checkpoint, or in files. So there is one way through the code, whatever the number of
    processes. A process that a launcher started (this one's helpers, torchrun's) starts no others:
    it is one of those that share the work.

    Args:
        work: a function of a module; what it returns here is returned.
        arguments: what it takes; pickled.
        processes: how many; None: one a GPU, so one on a machine without.

    Raises:
        DD3GError: a process died.
        Exception: what the first process that failed has raised.
    """
    count = processes or max(torch.cuda.device_count(), 1)
    if launched() and ranks() < count:
        _LOG.warning(
            "RANK and WORLD_SIZE are set, so this is one of %d processes, where %d could share the "
            "work; unset both to let it start them",
            *(ranks(), count),
        )
    if count == 1 or launched():
        return work(*arguments)
    level = logging.getLogger("dd3g_kedro").getEffectiveLevel()
    job = cloudpickle.dumps((work, arguments))
    with TemporaryDirectory(prefix="dd3g_ranks_") as folder:
        _launch(count, Path(folder), job, level)
    return work(*arguments)


def _launch(count: int, folder: Path, job: bytes, level: int) -> None:
    """All processes to their end, by torch's elastic launcher."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    told = logging.getLogger("torch.distributed.elastic")  # of failures, which arrive as themselves
    told.addHandler(logging.NullHandler())
    told.propagate = False
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id="dd3g",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=str(folder)),
        signals_to_handle=",".join(number.name for number in _STOPS),
        shutdown_timeout=_PATIENCE,
    )
    try:
        with _handlers_kept():
            elastic_launch(config, _help)(job, folder, level)
    except SignalException as asked:
        raise KeyboardInterrupt("stopped; start the same command again to go on") from asked
    except ChildFailedError as failed:
        if errors := sorted(folder.glob("*.error")):
            raise cloudpickle.loads(errors[0].read_bytes()) from None
        raise DD3GError(
            f"one of {count} processes died, probably for lack of memory; what was saved is "
            "kept. Run again with a smaller batch"
        ) from failed


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """The launcher puts its own signal handlers in place, and leaves them there."""
    before = {number: signal.getsignal(number) for number in _STOPS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _help(job: bytes, folder: Path, level: int) -> None:
    """One process's part; the launcher would hand on a traceback in place of what it raises."""
    end_with_the_parent()  # else a helper that waits for the others would keep its GPU for ever
    try:
        _work(job, level)
    except BaseException as error:
        if not isinstance(error, DD3GError):
            error.add_note(traceback.format_exc())
        path = folder / f"{time.time_ns()}.{os.environ['RANK']}"
        path.write_bytes(_pickled(error))
        path.rename(path.with_suffix(".error"))
        raise SystemExit(1) from None


def _pickled(error: BaseException) -> bytes:
    try:
        return cloudpickle.dumps(error)
    except Exception:  # it holds what cannot travel
        return cloudpickle.dumps(DD3GError("".join(traceback.format_exception(error))))


def _work(job: bytes, level: int) -> None:
    local = int(os.environ["LOCAL_RANK"])
    if local == 0:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        logging.getLogger("dd3g_kedro").setLevel(level)
    if torch.cuda.is_available():
        torch.cuda.set_device(local % torch.cuda.device_count())
        torch.set_num_threads(1)  # batches are read beside it; a team each would choke the CPU
    else:
        torch.set_num_threads(max(torch.get_num_threads() // ranks(), 1))
    work, arguments = cloudpickle.loads(job)
    work(*arguments)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
