"""A spy on the mathematics: sees the arrays that reach the ops, the optimizers and the step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from ..backends import Backend
from ..namespace import device, is_array

_ROOT = Path(__file__).parents[1]
_WATCHED = (str(_ROOT / "ops"), str(_ROOT / "optim"), str(_ROOT / "train" / "step.py"))


@contextmanager
def watched(backend: Backend) -> Iterator[list[str]]:
    """AssertionError if an array of another library, or on another device, reaches a watched function in the block.

    Python's profiling hook sees every call of a function in ops, optim and the step, so no function is replaced.
    Yields the list of the names of the functions that were called.
    """
    calls: list[str] = []
    strangers: list[str] = []

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(_WATCHED):
            return
        calls.append(frame.f_code.co_name)
        for name, value in frame.f_locals.items():
            for found in _strangers(backend, value):
                strangers.append(f"{frame.f_code.co_qualname}: {name} {found}")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield calls
    finally:
        sys.setprofile(before)
    assert not strangers, f"not on backend {backend.name}: " + "; ".join(strangers[:5])


def _strangers(backend: Backend, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        for member in value:
            yield from _strangers(backend, member)
    elif isinstance(value, np.ndarray | np.generic) or is_array(value):
        if not backend.owns(value):
            yield f"is a {type(value).__module__}.{type(value).__name__}"
        elif device(value) not in (None, backend.selected):
            yield f"is on {device(value)}"
