"""The exponential linear unit that is smooth for every alpha."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def celu(x: Array, /, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """Continuously differentiable exponential linear unit.

    y = x where x > 0, else alpha (exp(x / alpha) - 1);  dx = dy where x > 0, else dy exp(x / alpha)
    Source: Barron, 2017, arXiv:1704.07483.
    """
    xp = namespace(x)
    positive = x > 0
    below = xp.where(positive, 0.0, x) / alpha
    y = xp.where(positive, x, alpha * xp.expm1(below))
    slope = xp.where(positive, 1.0, xp.exp(below))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * slope,)

    return y, pullback
