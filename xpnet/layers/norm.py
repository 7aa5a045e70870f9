"""Layers that normalise: over the batch, and over each sample alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..errors import batch_of
from ..init import initial
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, require_between, require_count
from .context import Context


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each feature by the batch's statistics, at prediction by running ones; see `ops.batch_norm`.

    momentum: the weight of a batch in the running statistics: mean = (1 - momentum) mean + momentum (the batch's mean)
        after each training step, and var likewise with the batch's variance, n - 1 for n, as in PyTorch.
    eps: added to the variance.
    Parameters weight and bias (c,), buffers mean and var (c,).

    >>> net = xn.Sequential(xn.Dense(8, bias=False), xn.BatchNorm(), xn.ReLU())
    >>> model = xn.Model(net, loss="mse", optimizer="adam").build((3,))
    >>> sorted(model.buffers)
    ['1.mean', '1.var']
    """

    momentum: float = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_between("BatchNorm", "momentum", self.momentum, 0, 1 + 1e-15, "is not in [0, 1]")
        _require_eps(self, self.eps)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        _require_features(self, input_shape)
        c = input_shape[-1]
        params = {"weight": initial("ones", rng, (c,), dtype), "bias": initial("zeros", rng, (c,), dtype)}
        return (
            params,
            {"mean": initial("zeros", rng, (c,), dtype), "var": initial("ones", rng, (c,), dtype)},
            input_shape,
        )

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        weight, bias, mean, var = (params[name] for name in ("weight", "bias", "mean", "var"))
        if ctx.train:
            (y, (own_mean, own_var)), pull = ops.batch_norm(x, weight, bias, eps=self.eps)
            n = math.prod(x.shape[:-1])
            ctx.update("mean", (1 - self.momentum) * mean + self.momentum * own_mean)
            ctx.update("var", (1 - self.momentum) * var + self.momentum * (n / (n - 1)) * own_var)
        else:
            y, pull = ops.batch_norm(x, weight, bias, mean=mean, var=var, eps=self.eps)
        return y, _graded(pull, "weight", "bias")


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalises each sample, or each place of it, over its features; see `ops.layer_norm`.

    axes: the number of last axes that are normalised together; the parameters weight and bias have their shape.
    eps: added to the variance.

    >>> model = xn.Model(xn.LayerNorm(), loss="mse", optimizer="adam").build((2,))
    >>> model.forward([[3.0, -3.0]]).round(3)
    array([[ 1., -1.]], dtype=float32)
    """

    eps: float = 1e-5
    axes: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_eps(self, self.eps)
        require_count("LayerNorm", "axes", self.axes)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        shape = _last(self, input_shape)
        _require_several(self, input_shape, math.prod(shape))
        return (
            {"weight": initial("ones", rng, shape, dtype), "bias": initial("zeros", rng, shape, dtype)},
            {},
            input_shape,
        )

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = ops.layer_norm(x, params["weight"], params["bias"], eps=self.eps)
        return y, _graded(pull, "weight", "bias")


@dataclass(frozen=True)
class RMSNorm(Layer):
    """Divides each sample, or each place of it, by the root mean square of its features; see `ops.rms_norm`.

    axes: the number of last axes that are normalised together; the parameter weight has their shape.
    eps: added to the mean square; None is the distance from 1 to the next number of the dtype.

    >>> model = xn.Model(xn.RMSNorm(), loss="mse", optimizer="adam").build((2,))
    >>> model.forward([[3.0, -3.0]]).round(3)
    array([[ 1., -1.]], dtype=float32)
    """

    eps: float | None = None
    axes: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eps is not None:
            _require_eps(self, self.eps)
        require_count("RMSNorm", "axes", self.axes)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        return {"weight": initial("ones", rng, _last(self, input_shape), dtype)}, {}, input_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = ops.rms_norm(x, params["weight"], eps=self.eps)
        return y, _graded(pull, "weight")


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Normalises each sample over its space and each of `groups` groups of channels; see `ops.group_norm`.

    x (n, ..., c), parameters weight and bias (c,). With c groups it is instance normalisation, with its affine part.

    >>> xn.GroupNorm(4).output_shape((28, 28, 16))
    (28, 28, 16)
    """

    groups: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("GroupNorm", "groups", self.groups)
        _require_eps(self, self.eps)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        _require_features(self, input_shape)
        c = input_shape[-1]
        if c % self.groups:
            raise ValueError(
                f"GroupNorm: groups {self.groups} must divide the {c} channels of inputs {batch_of(input_shape)}"
            )
        _require_several(self, input_shape, math.prod(input_shape) // self.groups)
        return (
            {"weight": initial("ones", rng, (c,), dtype), "bias": initial("zeros", rng, (c,), dtype)},
            {},
            input_shape,
        )

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = ops.group_norm(x, params["weight"], params["bias"], groups=self.groups, eps=self.eps)
        return y, _graded(pull, "weight", "bias")


def _graded(pull: Pullback, *names: str) -> Pullback:
    """The pullback of a layer from that of its op: (dx, gradients by name)."""

    def pullback(dy: Array) -> tuple[Array, Nested]:
        dx, *grads = pull(dy)
        return dx, dict(zip(names, grads, strict=True))

    return pullback


def _require_eps(layer: Layer, eps: Any) -> None:
    require_between(type(layer).__name__, "eps", eps, 1e-300, math.inf, "must be a finite number above 0")


def _require_features(layer: Layer, input_shape: Shape) -> None:
    if not input_shape:
        raise ValueError(
            f"{type(layer).__name__} takes inputs (n, ..., features), these are (n,): reshape to (n, 1)"
        )


def _require_several(layer: Layer, input_shape: Shape, count: int) -> None:
    """ValueError where one value is normalised by itself, which would make it 0."""
    if count < 2:
        raise ValueError(
            f"{layer!r} would normalise each number of inputs {batch_of(input_shape)} alone, and make them all 0: "
            "normalise several together"
        )


def _last(layer: LayerNorm | RMSNorm, input_shape: Shape) -> Shape:
    """The sizes of the axes that are normalised together."""
    _require_features(layer, input_shape)
    if layer.axes > len(input_shape):
        raise ValueError(
            f"{layer!r} takes inputs of {layer.axes} axes beside the samples', these are {batch_of(input_shape)}: "
            f"make axes {len(input_shape)} or less"
        )
    return input_shape[-layer.axes :]
