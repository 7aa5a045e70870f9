"""The leaky rectified linear unit."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def leaky_relu(x: Array, /, *, alpha: float = 0.01) -> tuple[Array, Pullback]:
    """Leaky rectified linear unit.

    y = x where x > 0, else alpha x;  dx = dy where x > 0, else alpha dy
    A negative x keeps a small slope, so that no unit dies.
    """
    xp = namespace(x)
    positive = x > 0

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(positive, dy, alpha * dy),)

    return xp.where(positive, x, alpha * x), pullback
