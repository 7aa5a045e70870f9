"""The CuPy backend, on CUDA devices: portable code, or fused kernels on request.

`import cupy` succeeds without a driver and without a device, so that only a computation shows whether it can be used.
CUDA's current device is a setting of the thread: creation functions run within `device_context`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import BackendError
from ...installed import BACKENDS
from ...namespace import with_natives
from ...typing import Array, Device, Namespace
from ..base import Backend
from ..protocol import Availability, Natives


class CupyBackend(Backend):
    """CuPy arrays on one CUDA device."""

    name = "cupy"
    package, install = BACKENDS["cupy"].needs

    @cached_property
    def xp(self) -> Namespace:
        import array_api_compat.cupy

        return array_api_compat.cupy

    @classmethod
    def available(cls, *, probe: bool = False) -> Availability:
        found = super().available(probe=probe)
        if found and not probe:
            return Availability(True, "installed; only a probe tells whether a CUDA device computes")
        return found

    def devices(self) -> list[Device]:
        import cupy

        return [cupy.cuda.Device(index) for index in range(cupy.cuda.runtime.getDeviceCount())]

    def device(self, spec: Any = None) -> Device:
        import cupy

        try:
            current = cupy.cuda.Device()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"CuPy is installed and cannot use CUDA: {error}") from error
        if spec is None:
            return current
        if isinstance(spec, cupy.cuda.Device):
            index = spec.id
        else:
            name, _, number = str(spec).partition(":")
            index = int(number or 0) if name in ("cuda", "gpu") and (number or "0").isdigit() else -1
        for known in self.devices():
            if known.id == index:
                return known
        here = ", ".join(f"cuda:{d.id}" for d in self.devices())
        raise BackendError(f"device {spec!r} is not one of backend 'cupy': here are {here}")

    def device_context(self, device: Device = None) -> AbstractContextManager[Any]:
        return self.selected if device is None else device

    @property
    def device_name(self) -> str:
        return f"cuda:{self.selected.id}"

    # array_api_compat ignores `device=` in all creation functions but asarray (its issue 337): hence `device_context`

    def from_numpy(self, host: np.ndarray, device: Device) -> Array:
        import cupy

        with self.device_context(device):
            return cupy.asarray(host)

    def copy_to(self, x: Array, device: Device) -> Array:
        import cupy

        with self.device_context(device):
            return cupy.array(x, copy=True)

    def to_numpy(self, x: Array) -> np.ndarray:
        return x.get()

    def synchronize(self) -> None:
        import cupy

        with self.device_context():
            cupy.cuda.get_current_stream().synchronize()

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        """Fused kernels for True alone: "auto" stays portable until the kernels have been measured on a device."""
        if wanted is not True:
            why = (
                "natives=False was given" if wanted is False else "fused kernels run with natives=True alone"
            )
            return Natives(update=self.update, why=why)
        import cupy

        from .codegen import updater
        from .natives import table

        return Natives(
            "cupy",
            updater(cupy.ElementwiseKernel),
            table(cupy.ElementwiseKernel),
            why="natives=True was given",
        )

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        if natives is None or not natives.ops:
            return function
        import cupy

        return with_natives(function, cupy.ndarray, table=natives.ops)
