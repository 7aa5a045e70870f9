"""A straight line between two limits."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def hard_tanh(x: Array, /, *, min_val: float = -1.0, max_val: float = 1.0) -> tuple[Array, Pullback]:
    """The identity between two limits, constant beyond them.

    y = min(max(x, min_val), max_val);  dx = dy where min_val < x < max_val, else 0
    """
    xp = namespace(x)
    y = xp.where(x <= min_val, min_val, xp.where(x >= max_val, max_val, x))

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(y <= min_val, 0.0, xp.where(y >= max_val, 0.0, dy)),)

    return y, pullback
