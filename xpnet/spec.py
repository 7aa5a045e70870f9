"""The specification of a model: the checked, frozen values that `xn.Model` is given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .data import Targets
from .dtypes import dtype_name
from .errors import choose, flag, integer, number, refuse_foreign, require_function, shown
from .layers import Layer, is_layer
from .ops import LOSSES, Loss
from .ops.loss import loss_op
from .ops.opspec import named
from .optim import OPTIMIZERS, Optimizer

REDUCTIONS = ("mean", "sum")
DTYPES = ("float32", "float64")
NATIVES = ("auto", "compile")


@dataclass(frozen=True)
class ModelSpec:
    """A network, its loss and optimizer, and the options that hold for all of a model's life.

    loss: as it was given, by which it is saved. loss_op: the op that computes it.
    """

    network: Layer
    loss: Any
    loss_op: Any
    optimizer: Optimizer
    reduction: str
    dtype: str
    seed: int
    natives: bool | str
    deterministic: bool

    @classmethod
    def checked(
        cls,
        network: Any,
        loss: Any,
        optimizer: Any,
        reduction: str,
        dtype: Any,
        seed: int,
        natives: bool | str,
        deterministic: bool,
    ) -> Self:
        """The spec of the arguments of `xn.Model`; TypeError or ValueError naming the one that does not fit."""
        if not is_layer(network):
            raise TypeError(f"network: a layer was wanted, such as xn.Sequential(...), {shown(network)} came")
        loss = named(LOSSES, loss)
        op = loss_op(loss)
        if callable(loss):
            refuse_foreign("loss", loss, LOSSES)
            require_function("loss", loss, "outputs", target="target")
        if isinstance(optimizer, str):
            optimizer = OPTIMIZERS[choose("optimizer", optimizer, OPTIMIZERS)]()
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer: xn.adam(1e-3) or a name was wanted, {shown(optimizer)} came")
        choose("reduction", reduction, REDUCTIONS)
        with suppress(TypeError):
            dtype = dtype_name(dtype)
        dtype = choose("dtype", dtype, DTYPES)
        seed = integer("seed", seed, "must be an integer, 0 or more", low=0)
        if natives not in NATIVES if isinstance(natives, str) else not isinstance(natives, bool):
            raise ValueError(f"natives {shown(natives)} must be True, False, 'auto' or 'compile'")
        flag("deterministic", deterministic)
        check_rate(optimizer.peak, dtype)
        op = _tried(op) if isinstance(loss, Loss) else op
        return cls(network, loss, op, optimizer, reduction, dtype, seed, natives, deterministic)

    def new_targets(self) -> Targets:
        """The targets of the loss before any data is seen."""
        return Targets.of_loss(self.loss_op)


def check_rate(rate: Any, dtype: str) -> float:
    """A learning rate that the dtype holds; ValueError for another."""
    rate = number("lr", rate)
    if rate > float(np.finfo(dtype).max):
        raise ValueError(f"lr {rate:g} is beyond {dtype}: choose a smaller one")
    return rate


def _tried(loss: Any) -> Any:
    """A loss of xpnet, after a call on one sample: options out of range raise here and not during the training."""
    if getattr(loss, "__module__", "").startswith("xpnet.ops."):
        loss(np.full((1, 2), 0.5), target=np.full((1, 2 // getattr(loss, "outputs", 1)), 0.5))
    return loss
