"""NumPy, on the CPU."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..errors import BackendError
from ..typing import Array, Device, Namespace, Rule, Update
from .base import Backend


class NumpyBackend(Backend):
    """NumPy arrays; with the extra `fast`, optimizer rules run fused and in place through Numba."""

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

    def choose_update(self, rule: Rule, *, elements: int, arrays: int, steps: int) -> tuple[Update, str]:
        from . import fused

        if fused.repays(elements=elements, arrays=arrays, steps=steps) and fused.available():
            return fused.update, "numba"
        return self.update, "portable"

    def on(self, device: Device = None) -> AbstractContextManager[Any]:
        # overflow and NaN are looked for once an epoch, on every backend alike, and named there
        return np.errstate(all="ignore")
