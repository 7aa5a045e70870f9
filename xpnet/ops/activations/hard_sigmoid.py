"""A straight line in the place of the logistic function."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def hard_sigmoid(x: Array, /) -> tuple[Array, Pullback]:
    """Piecewise linear sigmoid.

    y = min(max(x + 3, 0), 6) / 6;  dx = dy / 6 where -3 < x < 3, else 0
    """
    xp = namespace(x)
    low, high = x <= -3, x >= 3

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(low, 0.0, xp.where(high, 0.0, dy / 6.0)),)

    return xp.where(low, 0.0, xp.where(high, 1.0, (x + 3.0) / 6.0)), pullback
