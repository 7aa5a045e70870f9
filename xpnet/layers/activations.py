"""The activation functions as layers; the fields are the options of their ops."""

from __future__ import annotations

from dataclasses import dataclass

from .. import ops
from ..typing import Shape
from .base import Stateless, shape_after


class ReLU(Stateless):
    """max(x, 0); see `ops.relu`.

    >>> xn.ReLU().bound(np.array([-1.0, 2.0]))[0]
    array([0., 2.])
    """

    op = staticmethod(ops.relu)


class ReLU6(Stateless):
    """min(max(x, 0), 6); see `ops.relu6`.

    >>> xn.ReLU6().bound(np.array([-1.0, 8.0]))[0]
    array([0., 6.])
    """

    op = staticmethod(ops.relu6)


@dataclass(frozen=True)
class LeakyReLU(Stateless):
    """x, or alpha x where x is negative; see `ops.leaky_relu`.

    >>> xn.LeakyReLU(0.1).bound(np.array([-1.0, 2.0]))[0]
    array([-0.1,  2. ])
    """

    alpha: float = 0.01

    op = staticmethod(ops.leaky_relu)


@dataclass(frozen=True)
class ELU(Stateless):
    """x, or alpha (exp(x) - 1) where x is negative; see `ops.elu`.

    >>> xn.ELU().bound(np.array([-1.0, 2.0]))[0]
    array([-0.63212056,  2.        ])
    """

    alpha: float = 1.0

    op = staticmethod(ops.elu)


@dataclass(frozen=True)
class CELU(Stateless):
    """x, or alpha (exp(x / alpha) - 1) where x is negative; see `ops.celu`.

    >>> xn.CELU(alpha=2.0).bound(np.array([-1.0, 2.0]))[0]
    array([-0.78693868,  2.        ])
    """

    alpha: float = 1.0

    op = staticmethod(ops.celu)

    def __post_init__(self) -> None:
        super().__post_init__()
        _not_zero("CELU", "alpha", self.alpha)


class SELU(Stateless):
    """1.05 x, or 1.76 (exp(x) - 1) where x is negative; see `ops.selu`.

    >>> xn.SELU().bound(np.array([-1.0, 2.0]))[0]
    array([-1.11133074,  2.10140197])
    """

    op = staticmethod(ops.selu)


@dataclass(frozen=True)
class GELU(Stateless):
    """x times the probability that a normal number is below x; see `ops.gelu`.

    approximate: True computes the probability by tanh.

    >>> xn.GELU().bound(np.array([-1.0, 2.0]))[0]
    array([-0.15865525,  1.95449974])
    """

    approximate: bool = False

    op = staticmethod(ops.gelu)


class SiLU(Stateless):
    """x / (1 + exp(-x)); see `ops.silu`.

    >>> xn.SiLU().bound(np.array([-1.0, 2.0]))[0]
    array([-0.26894142,  1.76159416])
    """

    op = staticmethod(ops.silu)


class Mish(Stateless):
    """x tanh(log(1 + exp(x))); see `ops.mish`.

    >>> xn.Mish().bound(np.array([-1.0, 2.0]))[0]
    array([-0.30340146,  1.94395896])
    """

    op = staticmethod(ops.mish)


@dataclass(frozen=True)
class Softplus(Stateless):
    """log(1 + exp(beta x)) / beta, or x where beta x > threshold; see `ops.softplus`.

    >>> xn.Softplus().bound(np.array([-1.0, 2.0]))[0]
    array([0.31326169, 2.12692801])
    """

    beta: float = 1.0
    threshold: float = 20.0

    op = staticmethod(ops.softplus)

    def __post_init__(self) -> None:
        super().__post_init__()
        _not_zero("Softplus", "beta", self.beta)


class Softsign(Stateless):
    """x / (1 + |x|); see `ops.softsign`.

    >>> xn.Softsign().bound(np.array([-1.0, 4.0]))[0]
    array([-0.5,  0.8])
    """

    op = staticmethod(ops.softsign)


class HardSwish(Stateless):
    """x min(max(x + 3, 0), 6) / 6; see `ops.hard_swish`.

    >>> xn.HardSwish().bound(np.array([-1.0, 3.0]))[0]
    array([-0.33333333,  3.        ])
    """

    op = staticmethod(ops.hard_swish)


class HardSigmoid(Stateless):
    """min(max(x + 3, 0), 6) / 6; see `ops.hard_sigmoid`.

    >>> xn.HardSigmoid().bound(np.array([-1.5, 3.0]))[0]
    array([0.25, 1.  ])
    """

    op = staticmethod(ops.hard_sigmoid)


@dataclass(frozen=True)
class HardTanh(Stateless):
    """min(max(x, min_val), max_val); see `ops.hard_tanh`.

    >>> xn.HardTanh().bound(np.array([-3.0, 0.5]))[0]
    array([-1. ,  0.5])
    """

    min_val: float = -1.0
    max_val: float = 1.0

    op = staticmethod(ops.hard_tanh)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_val < self.max_val:
            raise ValueError(f"HardTanh: min_val {self.min_val!r} must be below max_val {self.max_val!r}")


class Sigmoid(Stateless):
    """1 / (1 + exp(-x)); see `ops.sigmoid`.

    >>> xn.Sigmoid().bound(np.array([0.0, 2.0]))[0]
    array([0.5       , 0.88079708])
    """

    op = staticmethod(ops.sigmoid)


class LogSigmoid(Stateless):
    """-log(1 + exp(-x)); see `ops.log_sigmoid`.

    >>> xn.LogSigmoid().bound(np.array([0.0, 2.0]))[0]
    array([-0.69314718, -0.12692801])
    """

    op = staticmethod(ops.log_sigmoid)


class Tanh(Stateless):
    """tanh(x); see `ops.tanh`.

    >>> xn.Tanh().bound(np.array([0.0, 2.0]))[0]
    array([0.        , 0.96402758])
    """

    op = staticmethod(ops.tanh)


class GLU(Stateless):
    """One half of the features times the sigmoid of the other: (n, ..., 2 c) -> (n, ..., c); see `ops.glu`.

    >>> xn.GLU().bound(np.array([[2.0, 0.0]]))[0]
    array([[1.]])
    """

    op = staticmethod(ops.glu)

    def output_shape(self, input_shape: Shape) -> Shape:
        return shape_after(self, input_shape)


class SwiGLU(Stateless):
    """The swish of one half of the features times the other: (n, ..., 2 c) -> (n, ..., c); see `ops.swiglu`.

    >>> xn.SwiGLU().bound(np.array([[100.0, 0.06]]))[0]
    array([[6.]])
    """

    op = staticmethod(ops.swiglu)

    def output_shape(self, input_shape: Shape) -> Shape:
        return shape_after(self, input_shape)


@dataclass(frozen=True)
class Softmax(Stateless):
    """Softmax along an axis, the samples' being 0; see `ops.softmax`.

    >>> xn.Softmax().bound(np.array([[3.0, 3.0]]))[0]
    array([[0.5, 0.5]])
    """

    axis: int = -1

    op = staticmethod(ops.softmax)

    def output_shape(self, input_shape: Shape) -> Shape:
        return _within(self, self.axis, input_shape)


@dataclass(frozen=True)
class LogSoftmax(Stateless):
    """Logarithm of softmax along an axis, the samples' being 0; see `ops.log_softmax`.

    >>> xn.LogSoftmax().bound(np.array([[3.0, 3.0]]))[0]
    array([[-0.69314718, -0.69314718]])
    """

    axis: int = -1

    op = staticmethod(ops.log_softmax)

    def output_shape(self, input_shape: Shape) -> Shape:
        return _within(self, self.axis, input_shape)


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
