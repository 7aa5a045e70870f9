"""NumPy, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...compiler.replay import ReplayedStep
from ...compiler.threadpool import Parallelism
from ...compiler.tracing import Tracer
from ...errors import BackendError, MissingExtraError
from ...namespace import with_natives
from ...typing import Array, Batch, Device, Namespace, State
from ..base import Backend
from ..protocol import Natives
from .blas import choose_threads, cores_for, limited
from .predict import ReplayedForward

REPAYS = 0.5
"""Seconds of portable work that importing Numba and reading its kernels are worth."""
LONG = 1e7
"""Seconds beyond which an estimate stands for a stream of batches whose length is not known."""


class NumpyBackend(Backend):
    """NumPy arrays; with the extra `fast`, long trainings run on natives, through Numba."""

    name = "numpy"

    @property
    def xp(self) -> Namespace:
        return np

    def device(self, spec: Any = None) -> Device:
        if spec not in (None, "cpu"):
            raise BackendError(f"device {spec!r} is not one of backend {self.name!r}: it has only 'cpu'")
        return None

    def _own(self, x: Array, device: Device) -> Array:
        return np.array(x, dtype=x.dtype.newbyteorder("="), order="C", copy=True)

    def canonical_layout(self, x: Array) -> Array:
        return x if len(x) > 1 or x.flags.c_contiguous else x.copy()

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        takes = f"an estimated {seconds:.2g} s" if seconds < LONG else "an unknown number"
        takes += " of portable steps"
        if wanted is False:
            return Natives(why="natives=False was given")
        if wanted == "auto" and seconds < REPAYS:
            return Natives(why=f"{takes} are less than the {REPAYS} s that loading Numba is worth")
        if find_spec("numba") is None:
            if wanted is True:
                raise MissingExtraError("natives=True on NumPy", "numba", "pip install 'xpnet[fast]'")
            return Natives(why="numba is not installed: pip install 'xpnet[fast]'")
        from ..fused_update import update
        from .natives import table

        why = "natives=True was given" if wanted is True else f"{takes} repay loading Numba"
        return Natives("numba", update, table(dtype), why=why)

    def choose_threads(self, products: Iterable[int], *, deterministic: bool) -> tuple[int | None, str]:
        return choose_threads(products, deterministic=deterministic)

    def threads(self, count: int | None) -> AbstractContextManager[Any]:
        return nullcontext() if count is None else limited(count)

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        if natives is not None and natives.ops:
            function = with_natives(function, np.ndarray, Tracer, table=natives.ops)
        if natives is None or not natives.pure:
            return function
        if not consumes:
            return ReplayedForward(function)
        cores = cores_for(alone=not natives.deterministic)
        return ReplayedStep(function, Parallelism(cores, nogil=bool(natives.ops)))

    def steps(
        self, step: Any, state: State, data: Batch, order: np.ndarray | None, w: np.ndarray, batch_size: int
    ) -> Iterator[tuple[State, dict[str, Array]]]:
        if order is None or not isinstance(step, ReplayedStep):
            return super().steps(step, state, data, order, w, batch_size)
        return step.steps(state, data, order, w, batch_size)

    def device_context(self, device: Device = None) -> AbstractContextManager[Any]:
        # overflow and NaN are looked for once an epoch, on every backend alike, and named there
        return np.errstate(all="ignore")
