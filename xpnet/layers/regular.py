"""Dropout, batch normalisation and flattening."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, Stateless, require_between
from .context import Context


class Flatten(Stateless):
    """All axes but the batch's as one; see `ops.flatten`."""

    op = staticmethod(ops.flatten)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)


@dataclass(frozen=True)
class Dropout(Layer):
    """Drops each element with probability `rate` while training, and does nothing at prediction."""

    rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = "is not in [0, 1): it is the share of elements to drop"
        require_between("Dropout", "rate", self.rate, 0, 1, wanted)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        if not ctx.train or self.rate == 0:
            return x, lambda dy: (dy, {})
        y, pull = ops.dropout(x, rate=self.rate, key=ctx.key)

        def pullback(dy: Array) -> tuple[Array, Nested]:
            return pull(dy)[0], {}

        return y, pullback


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each feature by the batch's statistics, and by running ones at prediction.

    Parameters weight and bias (c,), buffers mean and var (c,): after each training step
    buffer = (1 - momentum) buffer + momentum (the batch's mean, and its variance with n - 1 for n), as in
    PyTorch. See `ops.batch_norm`.
    """

    momentum: float = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_between("BatchNorm", "momentum", self.momentum, 0, 1 + 1e-15, "is not in [0, 1]")
        require_between("BatchNorm", "eps", self.eps, 1e-300, math.inf, "must be a finite number above 0")

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        if not input_shape:
            raise ValueError("BatchNorm takes inputs (n, ..., features), these are (n,): reshape to (n, 1)")
        c = input_shape[-1]
        params = {"weight": np.ones(c, dtype), "bias": np.zeros(c, dtype)}
        return params, {"mean": np.zeros(c, dtype), "var": np.ones(c, dtype)}, input_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        weight, bias, mean, var = (params[name] for name in ("weight", "bias", "mean", "var"))
        if ctx.train:
            (y, (own_mean, own_var)), pull = ops.batch_norm(x, weight, bias, eps=self.eps)
            n = math.prod(x.shape[:-1])
            ctx.update("mean", (1 - self.momentum) * mean + self.momentum * own_mean)
            ctx.update("var", (1 - self.momentum) * var + self.momentum * (n / (n - 1)) * own_var)
        else:
            y, pull = ops.batch_norm(x, weight, bias, mean=mean, var=var, eps=self.eps)

        def pullback(dy: Array) -> tuple[Array, Nested]:
            dx, dweight, dbias = pull(dy)
            return dx, {"weight": dweight, "bias": dbias}

        return y, pullback
