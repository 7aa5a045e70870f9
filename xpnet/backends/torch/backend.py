"""The PyTorch backend, on the CPU, CUDA or MPS: eager steps without autograd, or steps through `torch.compile`.

xpnet's ops return their own pullbacks, so autograd would only record what is never used: a training step runs in
`torch.inference_mode`, other functions in `torch.no_grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial, wraps
from typing import Any

import numpy as np

from ...errors import BackendError
from ...installed import BACKENDS
from ...loading import undisturbed
from ...namespace import with_natives
from ...optim import Optimizer
from ...typing import Array, Batch, Device, Flat, Namespace, Rule
from ..base import Backend
from ..protocol import Capabilities, Natives

COMPILED = "torch.compile"
"""The name of the natives in the record of a training whose step went through torch.compile."""


class TorchBackend(Backend):
    """PyTorch tensors, without a graph of autograd."""

    name = "torch"
    package, install = BACKENDS["torch"].needs

    @cached_property
    def xp(self) -> Namespace:
        import array_api_compat.torch

        return array_api_compat.torch

    def devices(self) -> list[Device]:
        import torch

        found = [torch.device("cpu")]
        found += [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            found.append(torch.device("mps"))
        return found

    def device(self, spec: Any = None) -> Device:
        import torch

        if spec is None:
            return torch.device("cpu")
        try:
            wanted = torch.device(spec)
        except (RuntimeError, TypeError) as error:
            raise BackendError(
                f"device {spec!r} is none that PyTorch knows: try 'cpu', 'cuda' or 'mps'"
            ) from error
        if wanted.type == "cuda" and wanted.index is None:
            wanted = torch.device("cuda", 0)
        return wanted if wanted in self.devices() else super().device(spec)

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(float64=self.selected.type != "mps")

    def from_numpy(self, host: np.ndarray, device: Device) -> Array:
        import torch

        return torch.from_numpy(host).to(device)

    def copy_to(self, x: Array, device: Device) -> Array:
        return x.detach().to(device, copy=True)

    def require_values(self, name: str, x: Any) -> None:
        if not self.owns(x):
            return
        if str(x.layout) != "torch.strided":
            raise TypeError(f"{name} is a tensor of layout {x.layout}: make it dense, {name}.to_dense()")
        if x.is_meta and self.selected.type != "meta":
            raise TypeError(
                f"{name} is a tensor on PyTorch's meta device, which holds no values: give one that does"
            )

    def to_numpy(self, x: Array) -> np.ndarray:
        x = x.detach().cpu()
        try:
            return np.array(x.numpy())
        except TypeError:  # bfloat16 and other formats that NumPy lacks: float32 holds each of their numbers
            return x.float().numpy()

    def synchronize(self) -> None:
        import torch

        if self.selected.type == "cuda":
            torch.cuda.synchronize(self.selected)
        elif self.selected.type == "mps":
            torch.mps.synchronize()

    def split_batches(self, data: Batch, n: int, size: int) -> Iterator[Batch]:
        parts = zip(*(x.split(size) for x in data.values()), strict=True)
        return (dict(zip(data, part, strict=True)) for part in parts)

    def update(
        self, rule: Rule, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
    ) -> tuple[Flat, dict[str, Flat]]:
        from .update import update

        return update(rule, params, grads, slots, scalars)

    def scalars(self, optimizer: Optimizer, lr: Array, count: Array) -> tuple[Any, ...]:
        """Python floats on a CPU: an operation on a tensor of one element takes as long as on a thousand."""
        import torch

        if self.selected.type != "cpu" or torch.compiler.is_compiling():
            return super().scalars(optimizer, lr, count)
        with np.errstate(all="ignore"):
            return tuple(map(float, optimizer.scalars(np, np.float64(lr.item()), np.float64(count.item()))))

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        if wanted == "compile":
            return Natives(COMPILED, why="natives='compile' was given")
        if wanted is False:
            return Natives(update=self.update, why="natives=False was given")
        from .natives import TABLE
        from .update import CHUNK_ELEMENTS, update

        why = "natives=True was given" if wanted is True else "PyTorch's own kernels are imported already"
        return Natives(
            "torch", partial(update, compiled=0 if wanted is True else CHUNK_ELEMENTS + 1), TABLE, why=why
        )

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        import torch

        compiled = natives is not None and natives.name == COMPILED
        if compiled:
            with undisturbed():
                import torch._dynamo  # within `compile` an interrupt would leave it half imported
            function = torch.compile(function, dynamic=False)
        elif natives is not None and natives.ops:
            function = with_natives(function, torch.Tensor, table=natives.ops)
        # inference_mode is cheaper, but its tensors can never enter autograd: not for results that a user receives
        mode = torch.inference_mode if consumes and not compiled else torch.no_grad

        @wraps(function)
        def run(*args: Any) -> Any:
            with mode():
                return function(*args)

        return run
