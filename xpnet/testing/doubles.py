"""Test doubles of backends: installed libraries, made to behave like absent ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from .. import tree
from ..backends import Backend, Capabilities, Natives, find, register
from ..backends.numpy.backend import NumpyBackend
from ..typing import Array, Device

BUILTIN = ("numpy", "numpy-readonly", "strict", "strict-device1", "torch", "torch-meta", "jax", "cupy")
"""The matrix: every backend that xpnet's own tests run on."""


class ReadonlyNumpy(NumpyBackend):
    """NumPy arrays that cannot be written to, and a state that is poisoned once a step has consumed it."""

    name = "numpy-readonly"

    def _warm_caches(self, x: Array) -> Array:
        x.setflags(write=False)
        return super()._warm_caches(x)

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        return Natives()

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            result = function(*args)
            kept = {id(x) for x in tree.leaves(result)}
            for x in tree.leaves([args[index] for index in consumes]):
                if id(x) not in kept and isinstance(x, np.ndarray):
                    x.setflags(write=True)
                    x.fill(np.nan if x.dtype.kind == "f" else -1)
            return result

        return run


def register_doubles() -> None:
    """Makes the test backends known: "numpy-readonly", "strict-device1" and "torch-meta"."""
    register("numpy-readonly", ReadonlyNumpy)
    register("strict-device1", _strict_device1())
    register("torch-meta", _torch_meta())


def _strict_device1() -> type[Backend]:
    class StrictDevice1(find("strict")):  # type: ignore[misc]
        """array-api-strict on its second device, which refuses to mix with the host as a GPU does."""

        name = "strict-device1"

        def device(self, spec: Any = None) -> Device:
            return super().device("device1" if spec is None else spec)

    return StrictDevice1


def _torch_meta() -> type[Backend]:
    class TorchMeta(find("torch")):  # type: ignore[misc]
        """PyTorch's meta device: shapes without values, so that any look at a value is an error."""

        name = "torch-meta"

        def devices(self) -> list[Device]:
            import torch

            return [torch.device("meta")]

        def device(self, spec: Any = None) -> Device:
            return super().device("meta")

        @cached_property
        def capabilities(self) -> Capabilities:
            return Capabilities(computes=False)

    return TorchMeta
