"""The activation functions as layers; the fields are the options of their ops."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..init import initial
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, Stateless, require_between, shape_after
from .context import Context


class ReLU(Stateless):
    """max(x, 0); see `ops.relu`."""

    op = staticmethod(ops.relu)


class ReLU6(Stateless):
    """min(max(x, 0), 6); see `ops.relu6`."""

    op = staticmethod(ops.relu6)


@dataclass(frozen=True)
class LeakyReLU(Stateless):
    """x, or alpha x where x is negative; see `ops.leaky_relu`."""

    alpha: float = 0.01

    op = staticmethod(ops.leaky_relu)


@dataclass(frozen=True)
class ELU(Stateless):
    """x, or alpha (exp(x) - 1) where x is negative; see `ops.elu`."""

    alpha: float = 1.0

    op = staticmethod(ops.elu)


@dataclass(frozen=True)
class CELU(Stateless):
    """x, or alpha (exp(x / alpha) - 1) where x is negative; see `ops.celu`."""

    alpha: float = 1.0

    op = staticmethod(ops.celu)

    def __post_init__(self) -> None:
        super().__post_init__()
        _not_zero("CELU", "alpha", self.alpha)


class SELU(Stateless):
    """1.05 x, or 1.76 (exp(x) - 1) where x is negative; see `ops.selu`."""

    op = staticmethod(ops.selu)


@dataclass(frozen=True)
class GELU(Stateless):
    """x times the probability that a normal number is below x; see `ops.gelu`.

    approximate: True computes the probability by tanh.
    """

    approximate: bool = False

    op = staticmethod(ops.gelu)


class SiLU(Stateless):
    """x / (1 + exp(-x)); see `ops.silu`."""

    op = staticmethod(ops.silu)


class Mish(Stateless):
    """x tanh(log(1 + exp(x))); see `ops.mish`."""

    op = staticmethod(ops.mish)


@dataclass(frozen=True)
class Softplus(Stateless):
    """log(1 + exp(beta x)) / beta, or x where beta x > threshold; see `ops.softplus`."""

    beta: float = 1.0
    threshold: float = 20.0

    op = staticmethod(ops.softplus)

    def __post_init__(self) -> None:
        super().__post_init__()
        _not_zero("Softplus", "beta", self.beta)


class Softsign(Stateless):
    """x / (1 + |x|); see `ops.softsign`."""

    op = staticmethod(ops.softsign)


class HardSwish(Stateless):
    """x min(max(x + 3, 0), 6) / 6; see `ops.hard_swish`."""

    op = staticmethod(ops.hard_swish)


class HardSigmoid(Stateless):
    """min(max(x + 3, 0), 6) / 6; see `ops.hard_sigmoid`."""

    op = staticmethod(ops.hard_sigmoid)


@dataclass(frozen=True)
class HardTanh(Stateless):
    """min(max(x, min_val), max_val); see `ops.hard_tanh`."""

    min_val: float = -1.0
    max_val: float = 1.0

    op = staticmethod(ops.hard_tanh)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_val < self.max_val:
            raise ValueError(f"HardTanh: min_val {self.min_val!r} must be below max_val {self.max_val!r}")


class Sigmoid(Stateless):
    """1 / (1 + exp(-x)); see `ops.sigmoid`."""

    op = staticmethod(ops.sigmoid)


class LogSigmoid(Stateless):
    """-log(1 + exp(-x)); see `ops.log_sigmoid`."""

    op = staticmethod(ops.log_sigmoid)


class Tanh(Stateless):
    """tanh(x); see `ops.tanh`."""

    op = staticmethod(ops.tanh)


class GLU(Stateless):
    """One half of the features times the sigmoid of the other: (n, ..., 2 c) -> (n, ..., c); see `ops.glu`."""

    op = staticmethod(ops.glu)

    def output_shape(self, input_shape: Shape) -> Shape:
        return shape_after(self, input_shape)


class SwiGLU(Stateless):
    """The swish of one half of the features times the other: (n, ..., 2 c) -> (n, ..., c); see `ops.swiglu`."""

    op = staticmethod(ops.swiglu)

    def output_shape(self, input_shape: Shape) -> Shape:
        return shape_after(self, input_shape)


@dataclass(frozen=True)
class Softmax(Stateless):
    """Softmax along an axis, the samples' being 0; see `ops.softmax`."""

    axis: int = -1

    op = staticmethod(ops.softmax)

    def output_shape(self, input_shape: Shape) -> Shape:
        return _within(self, self.axis, input_shape)


@dataclass(frozen=True)
class LogSoftmax(Stateless):
    """Logarithm of softmax along an axis, the samples' being 0; see `ops.log_softmax`."""

    axis: int = -1

    op = staticmethod(ops.log_softmax)

    def output_shape(self, input_shape: Shape) -> Shape:
        return _within(self, self.axis, input_shape)


@dataclass(frozen=True)
class PReLU(Layer):
    """x, or weight x where x is negative; see `ops.prelu`.

    start: the initial value of the parameter weight.
    shared: True is one slope for all features, weight (1,); False one for each, weight (c,).
    """

    start: float = 0.25
    shared: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.shared, bool):
            raise ValueError(f"PReLU: shared {self.shared!r} must be True or False")
        require_between(
            "PReLU", "start", self.start, -sys.float_info.max, math.inf, "must be a finite number"
        )

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        if not input_shape:
            raise ValueError("PReLU takes inputs (n, ..., features), these are (n,): reshape to (n, 1)")
        count = 1 if self.shared else input_shape[-1]

        def start(rng: np.random.Generator, shape: Shape, dtype: Any) -> np.ndarray:
            return np.full(shape, self.start, dtype)

        return {"weight": initial(start, rng, (count,), dtype)}, {}, input_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = ops.prelu(x, params["weight"])

        def pullback(dy: Array) -> tuple[Array, Nested]:
            dx, dweight = pull(dy)
            return dx, {"weight": dweight}

        return y, pullback


def _not_zero(layer: str, name: str, value: float) -> None:
    if value == 0:
        raise ValueError(f"{layer}: {name} {value!r} must not be 0, which it divides by")


def _within(layer: Stateless, axis: int, input_shape: Shape) -> Shape:
    """The shape of one sample; ValueError for an axis that it does not have."""
    count = len(input_shape)
    if not (1 <= axis <= count or -count <= axis <= -1):
        raise ValueError(
            f"{layer!r}: axis {axis} is not one of a sample's, 1 to {count} or -{count} to -1, in inputs "
            f"(n, *{input_shape}): axis 0 is the samples'"
        )
    return input_shape
