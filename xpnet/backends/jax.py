"""JAX: the whole step is jitted, and its state donated."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ..typing import Array, Device, Namespace
from .base import Backend, Capabilities


class JaxBackend(Backend):
    """JAX arrays; one trace for each shape of batch."""

    name = "jax"
    package = "jax"
    install = "pip install 'xpnet[jax]'"

    @cached_property
    def xp(self) -> Namespace:
        import jax.numpy

        return jax.numpy

    def devices(self) -> list[Device]:
        import jax

        return jax.devices()

    def device(self, spec: Any = None) -> Device:
        import jax

        if spec is None:
            return jax.devices()[0]
        if isinstance(spec, str) and ":" not in spec:
            matching = [d for d in jax.devices() if spec in (d.platform, {"gpu": "cuda"}.get(d.platform))]
            spec = matching[0] if matching else spec
        return super().device(spec)

    @cached_property
    def capabilities(self) -> Capabilities:
        import jax

        return Capabilities(float64=bool(jax.config.jax_enable_x64), traces=True)

    def dtype(self, name: Any) -> Any:
        import jax

        return jax.dtypes.canonicalize_dtype(super().dtype(name))  # int64 is int32 where x64 is off

    def _no_float64(self) -> str:
        return (
            "JAX has no float64 until it is switched on, before its first use: "
            "jax.config.update('jax_enable_x64', True), or use dtype='float32'"
        )

    def _upload(self, host: np.ndarray, device: Device) -> Array:
        import jax

        return jax.numpy.array(host, copy=True, device=device)

    def _own(self, x: Array, device: Device) -> Array:
        import jax

        return jax.numpy.array(x, copy=True, device=device)

    def synchronize(self) -> None:
        import jax

        jax.effects_barrier()
        jax.numpy.zeros(()).block_until_ready()

    def compile(self, function: Callable[..., Any], *, consumes: tuple[int, ...] = ()) -> Callable[..., Any]:
        import jax

        return jax.jit(function, donate_argnums=consumes)
