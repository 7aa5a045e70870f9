"""PyTorch, on the CPU, CUDA or Apple's GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

import numpy as np

from ..errors import BackendError
from ..typing import Array, Device, Namespace
from .base import Backend, Capabilities


class TorchBackend(Backend):
    """PyTorch tensors; the step runs under `no_grad`, since xpnet has its own derivatives."""

    name = "torch"
    package = "torch"
    install = "pip install 'xpnet[torch]'"

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
        return super().device(str(wanted))

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(float64=self.selected.type != "mps")

    def _upload(self, host: np.ndarray, device: Device) -> Array:
        import torch

        return torch.from_numpy(host).to(device)

    def _own(self, x: Array, device: Device) -> Array:
        return x.detach().to(device, copy=True)

    def to_numpy(self, x: Array) -> np.ndarray:
        return np.array(x.detach().cpu().numpy())

    def synchronize(self) -> None:
        import torch

        if self.selected.type == "cuda":
            torch.cuda.synchronize(self.selected)
        elif self.selected.type == "mps":
            torch.mps.synchronize()

    def compile(self, function: Callable[..., Any], *, consumes: tuple[int, ...] = ()) -> Callable[..., Any]:
        import torch

        @wraps(function)
        def run(*args: Any) -> Any:
            with torch.no_grad():
                return function(*args)

        return run
