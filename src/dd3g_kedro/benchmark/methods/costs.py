"""What one object costs a method: seconds and peak memory (the paper's generation time)."""

from __future__ import annotations

import ctypes
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

_CLEAR_REFS, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"  # written to clear_refs: VmHWM falls to what is resident now (Linux, proc(5))
_SAMPLE_EVERY = 0.005  # seconds, where the kernel keeps no peak


@dataclass(frozen=True)
class Cost:
    """One generation at batch 1, preprocessing apart."""

    seconds: float  # median wall time
    peak_bytes: int  # see `generation_cost`: CUDA's and the CPU's must not be compared


@dataclass
class _Peak:
    bytes: int = 0


def generation_cost(
    generate: Callable[[], object],
    device: torch.device | str,
    warmup: int = 3,
    rounds: int = 20,
) -> Cost:
    """Median wall time of `rounds` calls after `warmup` ones, and their peak memory.

    The peak is what the calls needed, without what lay there before, such as weights
    (`weights_bytes`). On CUDA it is by how much torch's allocations rose above where they stood
    before the warm-up, and the clock stops when the device has finished. On the CPU it is by how
    much the process's resident memory rose above where it stood after the warm-up, without what
    allocators kept from before: the kernel's own record (VmHWM), or sampled every 5 ms where there
    is none.

    Args:
        generate: lifts one object whose input is ready.
        device: where it does so.
        warmup: calls before the clock: compilation, caches, autotuning.
        rounds: calls that are timed.

    Raises:
        ValueError: `warmup` is negative or `rounds` not positive.
    """
    if warmup < 0 or rounds < 1:
        raise ValueError(
            "generation cost: expected warmup of at least 0 and rounds of at least 1, "
            f"got {warmup} and {rounds}"
        )
    device = torch.device(device)
    allocated = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    for _ in range(warmup):
        generate()
    with _cuda_peak(device, allocated) if device.type == "cuda" else _resident_peak() as peak:
        seconds = [_timed(generate, device) for _ in range(rounds)]
    return Cost(seconds=statistics.median(seconds), peak_bytes=peak.bytes)


def median_seconds(
    call: Callable[[], object], device: torch.device, warmup: int = 1, rounds: int = 5
) -> float:
    """Median wall time of a call; the clock stops when the device has finished."""
    for _ in range(warmup):
        call()
    return statistics.median(_timed(call, device) for _ in range(rounds))


def weights_bytes(module: nn.Module, device: torch.device) -> int:
    """What a module's parameters and buffers take on the kind of device."""
    tensors = {t.data_ptr(): t for t in (*module.parameters(), *module.buffers())}
    return sum(t.nbytes for t in tensors.values() if t.device.type == device.type)


def _timed(generate: Callable[[], object], device: torch.device) -> float:
    _synchronise(device)
    start = time.perf_counter()
    generate()
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _cuda_peak(device: torch.device, before: int) -> Iterator[_Peak]:
    """By how much torch's allocations rise above `before` bytes in the block."""
    peak = _Peak()
    _synchronise(device)
    torch.cuda.reset_peak_memory_stats(device)
    yield peak
    peak.bytes = max(torch.cuda.max_memory_allocated(device) - before, 0)


@contextmanager
def _resident_peak() -> Iterator[_Peak]:
    """By how much this process's resident memory rises in the block."""
    with suppress(OSError, AttributeError, TypeError):  # glibc's: free pages go back first
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
        start = _high_water()
    except (OSError, ValueError):  # another system, or a container that forbids it
        with _sampled_peak() as peak:
            yield peak
        return
    peak = _Peak()
    yield peak
    peak.bytes = max(_high_water() - start, 0)


def _high_water() -> int:
    """Bytes: the most that was resident since the last reset."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{_STATUS}: no VmHWM")


@contextmanager
def _sampled_peak() -> Iterator[_Peak]:
    import psutil

    process, over, peak = psutil.Process(), threading.Event(), _Peak()
    start = process.memory_info().rss

    def look() -> None:
        peak.bytes = max(peak.bytes, process.memory_info().rss - start)

    def watch() -> None:
        while not over.wait(_SAMPLE_EVERY):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
    look()
