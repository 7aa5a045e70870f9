"""A forward pass on NumPy made again and again as a list of calls, for predictions of a few samples at a time.

For one row of a small network the Python between the calls takes longer than the calls. They are recorded and made
again as those of a training step are.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from ...compiler.memory_plan import aligned_empty
from ...compiler.replay import MAX_PROGRAMS, Program
from ...typing import Array, Flat

FEW = 2**13
"""How many numbers the samples have at most: with more of them, the calls take most of the time."""
HELD = 2**20
"""How many bytes a recorded pass may hold on to."""


class ReplayedForward:
    """A forward pass that runs its third batch of a small shape, and all after it, as a list of calls.

    Its memory serves one thread at a time: another that comes meanwhile runs the pass as it is, with the same bits.
    So does a pass that cannot be recorded, and `reason` says why.
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
            program = program or self._recorded(key, params, buffers, x)
            if program is not None:
                program.batch["x"][...] = x
                found = program.run({"params": params, "buffers": buffers})
                if found is not None:
                    return found["y"]
        finally:
            self._lock.release()
        return self.forward(params, buffers, x)

    def _wanted(self, key: Any, x: np.ndarray) -> bool:
        """Whether a pass on samples of this shape is to be recorded: the second of a few."""
        if key in self._programs or x.size > FEW or len(self._programs) >= MAX_PROGRAMS:
            return False
        again = key in self._seen
        if len(self._seen) < MAX_PROGRAMS * MAX_PROGRAMS:
            self._seen.add(key)
        return again

    def _recorded(self, key: Any, params: Flat, buffers: Flat, x: np.ndarray) -> Program | None:
        def step(state: Any, batch: Any) -> Any:
            return state, {"y": self.forward(state["params"], state["buffers"], batch["x"])}

        self._programs[key] = None
        try:
            part: Any = {"params": params, "buffers": buffers}  # of a state: a forward pass needs no more
            program = Program(step, part, {"x": x})
        except Exception as error:
            # whatever it is, the pass itself still runs, and shows errors of its own
            self.reason = f"{type(error).__name__}: {error}"
            return None
        if program.size <= HELD:
            program.allocate(aligned_empty(program.size))
            self._programs[key] = program
        return self._programs[key]
