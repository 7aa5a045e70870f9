"""array-api-strict: an implementation of the standard and of nothing beyond it, with devices that do not mix."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..installed import BACKENDS
from ..typing import Array, Device, Namespace
from .base import Backend
from .numpy.backend import NumpyBackend
from .protocol import Capabilities


class StrictBackend(Backend):
    """array-api-strict arrays, which NumPy computes. The devices other than "CPU_DEVICE" are simulated."""

    name = "strict"
    package, install = BACKENDS["strict"].needs

    @cached_property
    def xp(self) -> Namespace:
        import array_api_strict

        return array_api_strict

    def devices(self) -> list[Device]:
        return list(self.xp.__array_namespace_info__().devices())

    def device(self, spec: Any = None) -> Device:
        return super().device("CPU_DEVICE" if spec in (None, "cpu") else spec)

    def name_of(self, device: Device) -> str:
        return device._device

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            float64="float64" in self.xp.__array_namespace_info__().dtypes(device=self.selected)
        )

    def to_numpy(self, x: Array) -> np.ndarray:
        return np.array(np.from_dlpack(self.copy_to(x, self.device("cpu"))))

    device_context = NumpyBackend.device_context
