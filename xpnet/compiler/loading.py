"""Numba (the extra `fast`), loaded once for a process, and the reason where it cannot be used.

Numba that was interrupted while it loads, by Ctrl-C, stays half imported, and every later use of it in the process
fails. The signal is therefore held back while it loads, and delivered just afterwards.
"""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

INSTALL = "pip install 'xpnet[fast]'"


@cache
def absence() -> str | None:
    """The reason why Numba cannot compile in this process; None if it can. Never raises an error of Numba's."""
    if find_spec("numba") is None:
        return f"numba is not installed: {INSTALL}"
    try:
        with interrupts_deferred(), whole_or_not_at_all("numba", "llvmlite"):
            import numba

            numba.njit(_nothing)()  # loads what Numba imports at the first function that it compiles
    except Exception as error:
        # whatever an installation that is broken raises is a reason to compute without it
        what = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        warnings.warn(
            f"numba is installed and cannot be used: {what}; trainings run without it", stacklevel=2
        )
        return f"numba is installed and cannot be used: {what}"
    return "numba is switched off, NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else None


def available() -> bool:
    """True if Numba can compile in this process; loads it."""
    return absence() is None


def _nothing() -> None:
    """Is compiled, and does nothing."""


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Holds SIGINT back while the block runs, and delivers it afterwards; other threads get none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def whole_or_not_at_all(*packages: str) -> Iterator[None]:
    """Forgets the modules of these packages that an error in the block leaves half imported."""
    before = set(sys.modules)
    try:
        yield
    except BaseException:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in packages:
                del sys.modules[name]
        raise
