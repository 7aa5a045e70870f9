"""Signals: SIGTERM and SIGHUP as Ctrl-C, and none of the three while a run is written."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupting() -> Iterator[list[int]]:
    """A block in which SIGTERM and SIGHUP are as Ctrl-C; the list gets their numbers as they come.

    A signal that is ignored, as SIGHUP by nohup, or has a handler already, is left alone.
    """
    heard: list[int] = []
    last = -math.inf

    def stop(number: int, frame: Any) -> None:
        nonlocal last
        heard.append(number)
        before, last = last, time.monotonic()
        if last - before > 1:  # the end of a connection sends two
            raise KeyboardInterrupt

    taken = [number for number, handler in _handlers() if handler is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield heard
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignores Ctrl-C, SIGTERM and SIGHUP while the block runs, a second or two."""
    before = list(_handlers())
    for number, _ in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _handlers() -> Iterator[tuple[int, Any]]:
    """(signal, handler) of each signal that ends a process and that this thread can handle."""
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread can set a handler, and only it gets the signal
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if (
            number is not None and (handler := signal.getsignal(number)) is not None
        ):  # None: it is not Python's
            yield number, handler
