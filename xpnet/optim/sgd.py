"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import flag
from ..typing import Array, Namespace, Rule
from .base import Optimizer, check_fraction


def sgd_rule(xp, p, g, lr):
    return (p - lr * g,)


def momentum_rule(xp, p, g, v, lr, momentum):
    v = momentum * v + g
    return p - lr * v, v


def nesterov_rule(xp, p, g, v, lr, momentum):
    v = momentum * v + g
    return p - lr * (g + momentum * v), v


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with momentum if asked.

    v = momentum v + g;  p = p - lr v
    nesterov: p = p - lr (g + momentum v)
    As in PyTorch the rate multiplies the velocity v and not the gradient. The default rate is Keras's,
    PyTorch's is 0.001.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.sgd(0.1, momentum=0.9)).optimizer
    SGD(lr=0.1, momentum=0.9)
    """

    lr: Any = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("momentum", self.momentum)
        flag("nesterov", self.nesterov)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov=True needs a momentum, such as momentum=0.9")

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        if not self.momentum:
            return sgd_rule
        return nesterov_rule if self.nesterov else momentum_rule

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v",) if self.momentum else ()

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        rate = self.rate(xp, lr, t)
        return (rate, self.momentum) if self.momentum else (rate,)
