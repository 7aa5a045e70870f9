"""RMSprop, AdaGrad and AdaDelta: steps scaled by the size of past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import flag
from ..typing import Array, Namespace, Rule
from .base import Optimizer, check_fraction, check_not_negative


def rmsprop_rule(xp, p, g, v, lr, alpha, one_minus_alpha, eps):
    v = alpha * v + one_minus_alpha * (g * g)
    return p - lr * g / (xp.sqrt(v) + eps), v


def rmsprop_momentum_rule(xp, p, g, v, u, lr, alpha, one_minus_alpha, eps, momentum):
    v = alpha * v + one_minus_alpha * (g * g)
    u = momentum * u + g / (xp.sqrt(v) + eps)
    return p - lr * u, v, u


def centered_rule(xp, p, g, v, m, lr, alpha, one_minus_alpha, eps):
    v, m = alpha * v + one_minus_alpha * (g * g), m + one_minus_alpha * (g - m)
    return p - lr * g / (xp.sqrt(_variance(xp, v, m)) + eps), v, m


def centered_momentum_rule(xp, p, g, v, m, u, lr, alpha, one_minus_alpha, eps, momentum):
    v, m = alpha * v + one_minus_alpha * (g * g), m + one_minus_alpha * (g - m)
    u = momentum * u + g / (xp.sqrt(_variance(xp, v, m)) + eps)
    return p - lr * u, v, m, u


def _variance(xp: Namespace, v: Array, m: Array) -> Array:
    """v - m^2, or 0 where roundoff makes it negative, as it may while the gradient stays the same."""
    return xp.where(v >= m * m, v - m * m, v - v)


def adagrad_rule(xp, p, g, v, lr, eps):
    v = v + g * g
    return p - lr * g / (xp.sqrt(v) + eps), v


def adadelta_rule(xp, p, g, v, u, lr, rho, one_minus_rho, eps):
    v = rho * v + one_minus_rho * (g * g)
    d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
    return p - lr * d, v, rho * u + one_minus_rho * (d * d)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: steps scaled by a running mean of the squared gradient.

    v = alpha v + (1 - alpha) g^2;  p = p - lr g / (sqrt(v) + eps)
    momentum: u = momentum u + g / (sqrt(v) + eps);  p = p - lr u
    centered: m = alpha m + (1 - alpha) g;  p = p - lr g / (sqrt(v - m^2) + eps)
    With both, the variance v - m^2 takes the place of v in the formula of u.
    Source: Tieleman, Hinton, 2012, lecture 6.5; centered: Graves, 2013, arXiv:1308.0850; as in PyTorch.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.rmsprop(1e-3, momentum=0.9)).optimizer
    RMSprop(lr=0.001, momentum=0.9)
    """

    lr: Any = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("alpha", self.alpha)
        check_not_negative("eps", self.eps)
        check_fraction("momentum", self.momentum)
        flag("centered", self.centered)

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        if self.centered:
            return centered_momentum_rule if self.momentum else centered_rule
        return rmsprop_momentum_rule if self.momentum else rmsprop_rule

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v", *(("m",) if self.centered else ()), *(("u",) if self.momentum else ()))

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        more = (self.momentum,) if self.momentum else ()
        return self.rate(xp, lr, t), self.alpha, 1 - self.alpha, self.eps, *more


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad: steps scaled by the sum of all squared gradients.

    v = v + g^2;  p = p - lr g / (sqrt(v) + eps)
    Source: Duchi, Hazan, Singer, 2011, JMLR 12.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.adagrad(0.1)).optimizer
    AdaGrad(lr=0.1)
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

    v = rho v + (1 - rho) g^2;  p = p - lr d, d = g sqrt(u + eps) / sqrt(v + eps);  u = rho u + (1 - rho) d^2
    Source: Zeiler, 2012, arXiv:1212.5701.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.adadelta(rho=0.95)).optimizer
    AdaDelta(rho=0.95)
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
