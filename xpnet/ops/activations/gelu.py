"""The Gaussian error linear unit."""

from __future__ import annotations

import math

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback
from ..erf import normal


@replaceable
def gelu(x: Array, /, *, approximate: bool = False) -> tuple[Array, Pullback]:
    """Gaussian error linear unit.

    y = x P(x), P(x) = (1 + erf(x / sqrt(2))) / 2;  dx = dy (P(x) + x exp(-x^2 / 2) / sqrt(2 pi))
    approximate: P(x) = (1 + tanh(u(x))) / 2, u(x) = sqrt(2 / pi) (x + 0.044715 x^3);
    dx = dy (P(x) + x 2 P(x) (1 - P(x)) u'(x))
    The approximation is within 5e-4 of P, at a quarter of its time on NumPy.
    Source: Hendrycks, Gimpel, 2016, arXiv:1606.08415.
    """
    if approximate:
        return _by_tanh(x)
    p, density = normal(x)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (p + x * density),)

    return x * p, pullback


def _by_tanh(x: Array) -> tuple[Array, Pullback]:
    xp = namespace(x)
    c, squared = math.sqrt(2.0 / math.pi), x * x
    p = 0.5 + 0.5 * xp.tanh(c * x * (1.0 + 0.044715 * squared))

    def pullback(dy: Array) -> tuple[Array]:
        slope = 2.0 * c * p * (1.0 - p) * (1.0 + 0.134145 * squared)
        return (dy * (p + x * slope),)

    return x * p, pullback
