"""Adam, AMSGrad, and Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..typing import Array, Namespace, Rule
from .base import Optimizer, check_fraction, check_not_negative, decay_sum


def adam_rule(
    xp, p, g, m, v, step_size, beta1, one_minus_beta1, beta2, one_minus_beta2, inverse_sqrt_correction2, eps
):
    m = beta1 * m + one_minus_beta1 * g
    v = beta2 * v + one_minus_beta2 * (g * g)
    return p - step_size * m / (xp.sqrt(v) * inverse_sqrt_correction2 + eps), m, v


def amsgrad_rule(
    xp, p, g, m, v, v_max, step_size, beta1, one_minus_beta1, beta2, one_minus_beta2, inverse_sqrt_correction2, eps
):  # fmt: skip
    m = beta1 * m + one_minus_beta1 * g
    v = beta2 * v + one_minus_beta2 * (g * g)
    v_max = xp.maximum(v_max, v)
    return p - step_size * m / (xp.sqrt(v_max) * inverse_sqrt_correction2 + eps), m, v, v_max


@dataclass(frozen=True)
class Moments(Optimizer):
    """An optimizer with running means of the gradient, m, and of its size, v, which fade by beta1 and beta2."""

    lr: Any = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("eps", self.eps)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m", "v")

    @property
    def decays(self) -> tuple[float, float, float, float]:
        """beta1, 1 - beta1, beta2, 1 - beta2: the scalars of the two running means."""
        return self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2


@dataclass(frozen=True)
class Adam(Moments):
    """Adam: steps scaled by running means of the gradient and of its square.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
    amsgrad: v_max = max(v_max, v);  p = p - lr (m / (1 - beta1^t)) / (sqrt(v_max / (1 - beta2^t)) + eps)
    Source: Kingma, Ba, 2014, arXiv:1412.6980; amsgrad: Reddi, Kale, Kumar, 2018, ICLR.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.adam(3e-4, clip_norm=1.0)).optimizer
    Adam(lr=0.0003, clip_norm=1.0)
    """

    amsgrad: bool = False

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        return amsgrad_rule if self.amsgrad else adam_rule

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m", "v", "v_max") if self.amsgrad else ("m", "v")

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        step_size = self.rate(xp, lr, t) / decay_sum(xp, self.beta1, t)
        inverse_sqrt_correction2 = 1.0 / xp.sqrt(decay_sum(xp, self.beta2, t))
        return step_size, *self.decays, inverse_sqrt_correction2, self.eps


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, which shrinks p before Adam's step.

    p = (1 - lr weight_decay) p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
    Source: Loshchilov, Hutter, 2017, arXiv:1711.05101.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.adamw(xn.schedules.cosine(1e-3, steps=1000))).optimizer
    AdamW(lr=Cosine(0.001, 1000))
    """

    weight_decay: float = field(default=0.01, kw_only=True)
    decoupled: bool = field(default=True, kw_only=True)
