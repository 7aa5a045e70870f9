"""The NumPy backend: portable code as it is, or replayed steps with Numba's kernels for trainings that repay them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ...compiler.loading import INSTALL, absence
from ...compiler.partition import MIN_TASK_MACS, row_units
from ...compiler.replay import ReplayedStep
from ...compiler.threadpool import Parallelism
from ...compiler.tracing import Tracer
from ...errors import BackendError, MissingExtraError
from ...loading import undisturbed
from ...namespace import with_natives
from ...typing import Array, Batch, Device, Namespace, State
from .. import cores as machine
from ..base import Backend
from ..protocol import Natives
from .blas import choose_threads, cores_for, limited
from .loading_cost import loading_seconds
from .predict import ReplayedForward

UNKNOWN_SECONDS = 1e7
"""An estimate of at least this many seconds stands for a stream of batches of unknown length."""


class NumpyBackend(Backend):
    """NumPy arrays. With the extra `fast`, long trainings use natives that Numba compiles."""

    name = "numpy"

    @property
    def xp(self) -> Namespace:
        return np

    def device(self, spec: Any = None) -> Device:
        if spec not in (None, "cpu"):
            raise BackendError(f"device {spec!r} is not one of backend {self.name!r}: it has only 'cpu'")
        return None

    def copy_to(self, x: Array, device: Device) -> Array:
        return np.array(x, dtype=x.dtype.newbyteorder("="), order="C", copy=True)

    def canonical_layout(self, x: Array) -> Array:
        return x if len(x) > 1 or x.flags.c_contiguous else x.copy()

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        takes = f"an estimated {seconds:.2g} s" if seconds < UNKNOWN_SECONDS else "an unknown number"
        takes += " of portable steps in this run and those before it"
        if wanted is False:
            return Natives(why="natives=False was given")
        loading = loading_seconds() if wanted == "auto" else 0.0
        if wanted == "auto" and seconds < loading:
            return Natives(why=f"{takes} are less than the {loading} s that loading Numba takes")
        reason = absence()
        if reason is not None:
            if wanted is True:
                raise MissingExtraError("natives=True on NumPy", "numba", INSTALL, why=reason)
            return Natives(why=reason)
        with undisturbed():
            from ..fused_update import update
            from .natives import table

        why = f"{takes} repay loading Numba" if loading else "Numba is loaded already"
        why = why if wanted == "auto" else f"natives={wanted!r} was given"
        return Natives("numba", update, table(dtype), why=why)

    def choose_threads(self, products: Iterable[int], *, deterministic: bool) -> tuple[int | None, str]:
        largest = max(products := list(products), default=0)
        threads, why = choose_threads(products, deterministic=deterministic)
        if deterministic and threads == 1 and largest >= 2 * MIN_TASK_MACS and machine.affinity() > 1:
            with limited(1):
                units = row_units("f")
            why += (
                f", cut at multiples of {units[0]} rows, BLAS's unit"
                if units
                else ", cut where its bits allow"
            )
        return threads, why

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
