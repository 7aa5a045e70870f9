"""NumPy, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
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
from .blas import cores_for, limited, threads_for
from .predict import ReplayedForward

REPAYS = 0.5
"""Seconds of portable work that importing Numba and reading its kernels are worth."""


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
        if wanted is False or (wanted == "auto" and seconds < REPAYS):
            return Natives()
        if find_spec("numba") is None:
            if wanted is True:
                raise MissingExtraError("natives=True on NumPy", "numba", "pip install 'xpnet[fast]'")
            return Natives()
        from ..fused_update import update
        from .natives import table

        return Natives("numba", update, table(dtype))

    def threads(self, products: Iterable[int], *, deterministic: bool) -> AbstractContextManager[Any]:
        return limited(threads_for(products, alone=not deterministic))

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
