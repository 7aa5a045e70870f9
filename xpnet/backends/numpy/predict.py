"""Replayed predictions: the forward pass for small batches as a traced list of NumPy calls.

The problem: for one row of a small network, the Python code between the array calls takes longer than the calls.
The pass is traced once for a shape of batch, and from then on its calls are replayed, as those of a training step are.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from ...compiler.memory_plan import aligned_empty
from ...compiler.replay import MAX_PROGRAMS, Program
from ...typing import Array, Flat

MAX_ELEMENTS = 2**13
"""The most elements of a batch that is replayed: for larger ones, the calls take most of the time."""
MAX_BYTES = 2**20
"""The most memory that a traced pass may hold."""


class ReplayedForward:
    """A forward pass that replays traced calls, from the second batch of a small shape on.

    forward: the function (params, buffers, x) -> outputs that is traced.
    reason: the error for which a pass could not be traced, in words; None without one.
    A program's memory serves one thread at a time. A call from another thread meanwhile, and a pass that cannot be
    traced, run `forward` itself, with the same bits.
    """

    def __init__(self, forward: Callable[[Flat, Flat, Array], Any]) -> None:
        self.forward = forward
        self.reason: str | None = None
        self._seen: set[Any] = set()
        self._programs: dict[Any, Program | None] = {}
        self._lock = Lock()

    def __call__(self, params: Flat, buffers: Flat, x: np.ndarray) -> Any:
        key = x.shape, x.dtype
        program = self._programs.get(key)
        if (program is None and not self._wanted(key, x)) or not x.flags.c_contiguous:
            return self.forward(params, buffers, x)
        if not self._lock.acquire(blocking=False):
            return self.forward(params, buffers, x)
        try:
            program = program or self._traced(key, params, buffers, x)
            if program is not None:
                program.batch["x"][...] = x
                found = program.run({"params": params, "buffers": buffers})
                if found is not None:
                    return found["y"]
        finally:
            self._lock.release()
        return self.forward(params, buffers, x)

    def _wanted(self, key: Any, x: np.ndarray) -> bool:
        """True for the second small batch of a shape, which is then traced."""
        if key in self._programs or x.size > MAX_ELEMENTS or len(self._programs) >= MAX_PROGRAMS:
            return False
        again = key in self._seen
        if len(self._seen) < MAX_PROGRAMS * MAX_PROGRAMS:
            self._seen.add(key)
        return again

    def _traced(self, key: Any, params: Flat, buffers: Flat, x: np.ndarray) -> Program | None:
        """The program of a forward pass; None, also for later calls, if it cannot be traced or is too large."""

        def step(state: Any, batch: Any) -> Any:
            return state, {"y": self.forward(state["params"], state["buffers"], batch["x"])}

        self._programs[key] = None
        try:
            part: Any = {"params": params, "buffers": buffers}  # of a state: a forward pass needs no more
            program = Program(step, part, {"x": x})
        except Exception as error:
            # the caller then runs the pass itself, which raises the errors of the user's own code
            self.reason = f"{type(error).__name__}: {error}"
            return None
        if program.size <= MAX_BYTES:
            program.allocate(aligned_empty(program.size))
            self._programs[key] = program
        return self._programs[key]
