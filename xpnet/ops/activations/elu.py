"""The exponential linear unit."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def elu(x: Array, /, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """Exponential linear unit.

    y = x where x > 0, else alpha (exp(x) - 1);  dx = dy where x > 0, else dy alpha exp(x)
    Tends to -alpha for very negative x, so that the mean of its outputs is near 0.
    Source: Clevert, Unterthiner, Hochreiter, 2015, arXiv:1511.07289.
    """
    xp = namespace(x)
    positive = x > 0
    below = xp.where(positive, 0.0, x)  # expm1 of a large x overflows
    y = xp.where(positive, x, alpha * xp.expm1(below))
    slope = xp.where(positive, 1.0, alpha * xp.exp(below))  # y + alpha has no digits left near 0

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * slope,)

    return y, pullback
