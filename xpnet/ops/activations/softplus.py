"""A smooth rectifier."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def softplus(x: Array, /, *, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Pullback]:
    """Softplus.

    y = x where beta x > threshold, else log(1 + exp(beta x)) / beta;
    dx = dy where beta x > threshold, else dy / (1 + exp(-beta x))
    Computed as (max(z, 0) + log(1 + exp(-|z|))) / beta, z = beta x, which does not overflow.
    """
    xp = namespace(x)
    z = beta * x
    linear = z > threshold
    y = xp.where(linear, x, (xp.where(z < 0, 0.0, z) + xp.log1p(xp.exp(-xp.abs(z)))) / beta)

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(linear, dy, -dy * xp.expm1(-beta * y)),)

    return y, pullback
