"""Variants of Adam: Adamax, NAdam, RAdam and Lion."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..namespace import device
from ..typing import Array, Namespace
from .adam import Moments
from .base import Optimizer, check_fraction, check_not_negative, decay_sum

MU_BASE = 0.96
"""NAdam's momentum grows towards beta1 as 1 - MU_BASE^(t momentum_decay) / 2."""

MU_TERMS = 52
"""The number of terms after which the sum over 2^-k / k no longer changes in float64."""


def adamax_rule(xp, p, g, m, u, step_size, beta1, one_minus_beta1, beta2, eps):
    m = beta1 * m + one_minus_beta1 * g
    u = xp.maximum(beta2 * u, xp.abs(g) + eps)
    return p - step_size * m / u, m, u


def nadam_rule(
    xp, p, g, m, v, step_m, step_g, beta1, one_minus_beta1, beta2, one_minus_beta2, inverse_sqrt_correction2, eps
):  # fmt: skip
    m = beta1 * m + one_minus_beta1 * g
    v = beta2 * v + one_minus_beta2 * (g * g)
    return p - (step_g * g + step_m * m) / (xp.sqrt(v) * inverse_sqrt_correction2 + eps), m, v


def radam_rule(
    xp, p, g, m, v, step_size, beta1, one_minus_beta1, beta2, one_minus_beta2, unrectified, rectified, eps
):
    m = beta1 * m + one_minus_beta1 * g
    v = beta2 * v + one_minus_beta2 * (g * g)
    return p - step_size * m * (unrectified + rectified / (xp.sqrt(v) + eps)), m, v


def lion_rule(xp, p, g, m, lr, beta1, one_minus_beta1, beta2, one_minus_beta2, zero):
    d = beta1 * m + one_minus_beta1 * g
    p = xp.where(d > zero, p - lr, xp.where(d < zero, p + lr, p))
    return p, beta2 * m + one_minus_beta2 * g


@dataclass(frozen=True)
class Adamax(Moments):
    """Adam with the largest of past gradients, which decay by beta2, in the place of their mean square.

    m = beta1 m + (1 - beta1) g;  u = max(beta2 u, |g| + eps);  p = p - lr (m / (1 - beta1^t)) / u
    Source: Kingma, Ba, 2014, arXiv:1412.6980.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.adamax(1e-3)).optimizer
    Adamax(lr=0.001)
    """

    lr: Any = 2e-3

    rule = staticmethod(adamax_rule)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m", "u")

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        step_size = self.rate(xp, lr, t) / decay_sum(xp, self.beta1, t)
        return step_size, self.beta1, 1 - self.beta1, self.beta2, self.eps


@dataclass(frozen=True)
class NAdam(Moments):
    """Adam with Nesterov's look-ahead, whose momentum grows towards beta1.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    M = M mu(t), mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2);
    p = p - lr ((1 - mu(t)) g / (1 - M) + mu(t + 1) m / (1 - mu(t + 1) M)) / (sqrt(v / (1 - beta2^t)) + eps)
    M is 1 before the first step. It is computed as a pure function of t: with q = 0.96^momentum_decay,
    -log(M / beta1^t) is the sum over i to t of -log(1 - q^i / 2). By the series of the logarithm and the geometric sum
    it is the sum over k of (q/2)^k / k (1 - q^(k t)) / (1 - q^k), each term less than half of the one before.
    Source: Dozat, 2016, Incorporating Nesterov momentum into Adam; as in PyTorch.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.nadam(1e-3, weight_decay=1e-4)).optimizer
    NAdam(lr=0.001, weight_decay=0.0001)
    """

    lr: Any = 2e-3
    momentum_decay: float = 4e-3

    rule = staticmethod(nadam_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("momentum_decay", self.momentum_decay)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        rate, mu, product = self.rate(xp, lr, t), self._momentum(xp, t), self._product(xp, t)
        next_mu = self._momentum(xp, t + 1.0)
        step_m = next_mu * rate / (1.0 - product * next_mu)
        step_g = (1.0 - mu) * rate / (1.0 - product)
        inverse_sqrt_correction2 = 1.0 / xp.sqrt(decay_sum(xp, self.beta2, t))
        return step_m, step_g, *self.decays, inverse_sqrt_correction2, self.eps

    def _momentum(self, xp: Namespace, t: Array) -> Array:
        """mu(t)."""
        return self.beta1 * (1.0 - 0.5 * xp.exp(t * (self.momentum_decay * math.log(MU_BASE))))

    def _product(self, xp: Namespace, t: Array) -> Array:
        """M after step t."""
        power = 1.0 - decay_sum(xp, self.beta1, t)  # beta1^t
        log_base = self.momentum_decay * math.log(MU_BASE)
        if not log_base:
            return power * xp.exp(-t * math.log(2.0))
        k = xp.arange(1, MU_TERMS + 1, dtype=t.dtype, device=device(t))
        logs = (
            xp.exp(k * (log_base - math.log(2.0))) / k * (xp.expm1(t * log_base * k) / xp.expm1(log_base * k))
        )
        return power * xp.exp(-xp.sum(logs))


@dataclass(frozen=True)
class RAdam(Moments):
    """Adam whose first steps are momentum's, while the mean square is of few gradients.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    p = p - lr (m / (1 - beta1^t)) r / (sqrt(v) + eps) sqrt(1 - beta2^t) where rho_t > 5, else p - lr m / (1 - beta1^t),
    r = sqrt((rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t)),
    rho_t = rho - 2 t beta2^t / (1 - beta2^t), rho = 2 / (1 - beta2) - 1
    Source: Liu et al., 2019, arXiv:1908.03265; as in PyTorch.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.radam(3e-4)).optimizer
    RAdam(lr=0.0003)
    """

    rule = staticmethod(radam_rule)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        step_size, one = self.rate(xp, lr, t) / decay_sum(xp, self.beta1, t), xp.ones_like(t)
        unrectified, rectified, eps = one, 0.0 * one, one  # an eps of 0 would make the unused quotient 0 / 0
        rho = 2 / (1 - self.beta2) - 1
        if rho > 5:  # no rho_t is as large
            rho_t = self._length(xp, t, rho)
            sure = rho_t > 5
            safe = xp.where(sure, rho_t, 5.0 * one)
            square = (safe - 4.0) * (safe - 2.0) / safe * (rho / ((rho - 4) * (rho - 2)))
            unrectified = xp.where(sure, 0.0 * one, one)
            rectified = xp.where(sure, xp.sqrt(square * decay_sum(xp, self.beta2, t)), 0.0 * one)
            eps = xp.where(sure, self.eps * one, one)
        return step_size, *self.decays, unrectified, rectified, eps

    def _length(self, xp: Namespace, t: Array, rho: float) -> Array:
        """rho_t as t + L(x) - t L(t x), x = -log(beta2) / 2, L(z) = coth(z) - 1 / z: rho - ... cancels in float32."""
        x = -0.5 * math.log(self.beta2)
        z = t * x
        near = z < 0.1
        safe, s = xp.where(near, xp.ones_like(z), z), z * z
        series = z * (1 / 3 - s * (1 / 45 - s * (2 / 945 - s * (1 / 4725 - s * (2 / 93555)))))
        return t + (rho - 1 / x) - t * xp.where(near, series, 1.0 / xp.tanh(safe) - 1.0 / safe)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion: steps of the length of the rate along the sign of a running mean, with decoupled weight decay.

    p = (1 - lr weight_decay) p;  p = p - lr sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g
    Source: Chen et al., 2023, arXiv:2302.06675; as in optax.

    >>> xn.Model(xn.Dense(1), loss="mse", optimizer=xn.lion(3e-4, weight_decay=0.1)).optimizer
    Lion(lr=0.0003, weight_decay=0.1)
    """

    lr: Any = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = field(default=1e-3, kw_only=True)
    decoupled: bool = field(default=True, kw_only=True)

    rule = staticmethod(lion_rule)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m",)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        return self.rate(xp, lr, t), self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, 0.0
