"""Progress that people can see: a bar with rate and time left, or a line every ten seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_LINE_EVERY = 10.0  # seconds, where standard error is not a terminal


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _lines(items: Iterable[T], total: int, title: str, unit: str, start: int) -> Iterator[T]:
    begun = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _LINE_EVERY or done + start == total:
            last, rate = now, done / max(now - begun, 1e-9)
            left = _duration((total - start - done) / rate)
            _LOG.info("%s: %d/%d %s, %.3g/s, %s left", title, start + done, total, unit, rate, left)


def track(
    items: Iterable[T], total: int, title: str, unit: str = "", start: int = 0
) -> Iterator[T]:
    """Yield `items`, showing how many of `total` are done, the rate and the time left.

    `start` of the total were already done by an earlier, interrupted run.
    """
    if not sys.stderr.isatty():
        yield from _lines(items, total, title, unit, start)
        return
    from tqdm.auto import tqdm

    yield from tqdm(items, desc=title, total=total, unit=unit or "it", initial=start, leave=True)
