"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..typing import Array, Namespace
from .base import Optimizer, check_fraction, check_not_negative, decay_sum


def adam_rule(
    xp: Namespace,
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    rate: Any,
    beta1: Any,
    rest1: Any,
    beta2: Any,
    rest2: Any,
    scale: Any,
    eps: Any,
) -> tuple[Array, Array, Array]:
    m = beta1 * m + rest1 * g
    v = beta2 * v + rest2 * (g * g)
    return p - rate * m / (xp.sqrt(v) * scale + eps), m, v


def adamw_rule(
    xp: Namespace, p: Array, g: Array, m: Array, v: Array, keep: Any, *scalars: Any
) -> tuple[Array, Array, Array]:
    return adam_rule(xp, keep * p, g, m, v, *scalars)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
    Source: Kingma, Ba, 2014, arXiv:1412.6980.
    """

    lr: Any = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    rule = staticmethod(adam_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("eps", self.eps)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m", "v")

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        return self._scaled(xp, self.rate(xp, lr, t), t)

    def _scaled(self, xp: Namespace, rate: Array, t: Array) -> tuple[Any, ...]:
        rate = rate / decay_sum(xp, self.beta1, t)
        scale = 1.0 / xp.sqrt(decay_sum(xp, self.beta2, t))
        return rate, self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, scale, self.eps


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: p is first multiplied by 1 - lr weight_decay, then as in Adam.

    Source: Loshchilov, Hutter, 2017, arXiv:1711.05101.
    """

    weight_decay: float = 0.01

    rule = staticmethod(adamw_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("weight_decay", self.weight_decay)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        rate = self.rate(xp, lr, t)
        return 1.0 - rate * self.weight_decay, *self._scaled(xp, rate, t)
