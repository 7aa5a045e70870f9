"""RMSprop, AdaGrad and AdaDelta: steps scaled by the size of past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..typing import Array, Namespace
from .base import Optimizer, check_fraction, check_not_negative


def rmsprop_rule(
    xp: Namespace, p: Array, g: Array, v: Array, lr: Any, alpha: Any, rest: Any, eps: Any
) -> tuple[Array, Array]:
    v = alpha * v + rest * (g * g)
    return p - lr * g / (xp.sqrt(v) + eps), v


def adagrad_rule(xp: Namespace, p: Array, g: Array, v: Array, lr: Any, eps: Any) -> tuple[Array, Array]:
    v = v + g * g
    return p - lr * g / (xp.sqrt(v) + eps), v


def adadelta_rule(
    xp: Namespace, p: Array, g: Array, v: Array, u: Array, lr: Any, rho: Any, rest: Any, eps: Any
) -> tuple[Array, Array, Array]:
    v = rho * v + rest * (g * g)
    d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
    return p - lr * d, v, rho * u + rest * (d * d)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: steps scaled by a running mean of the squared gradient.

    v = alpha v + (1 - alpha) g^2; p = p - lr g / (sqrt(v) + eps)
    Source: Tieleman, Hinton, 2012, lecture 6.5.
    """

    lr: Any = 0.01
    alpha: float = 0.99
    eps: float = 1e-8

    rule = staticmethod(rmsprop_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("alpha", self.alpha)
        check_not_negative("eps", self.eps)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v",)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        return self.rate(xp, lr, t), self.alpha, 1 - self.alpha, self.eps


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad: steps scaled by the sum of all squared gradients.

    v = v + g^2; p = p - lr g / (sqrt(v) + eps)
    Source: Duchi, Hazan, Singer, 2011, JMLR 12.
    """

    lr: Any = 0.01
    eps: float = 1e-10

    rule = staticmethod(adagrad_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("eps", self.eps)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v",)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        return self.rate(xp, lr, t), self.eps


@dataclass(frozen=True)
class AdaDelta(Optimizer):
    """AdaDelta: steps of the size of past steps, in the parameter's own unit.

    v = rho v + (1 - rho) g^2; d = g sqrt(u + eps) / sqrt(v + eps); u = rho u + (1 - rho) d^2; p = p - lr d
    Source: Zeiler, 2012, arXiv:1212.5701.
    """

    lr: Any = 1.0
    rho: float = 0.9
    eps: float = 1e-6

    rule = staticmethod(adadelta_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("rho", self.rho)
        check_not_negative("eps", self.eps)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v", "u")

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        return self.rate(xp, lr, t), self.rho, 1 - self.rho, self.eps
