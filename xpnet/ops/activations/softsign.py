"""A sigmoid with long tails."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def softsign(x: Array, /) -> tuple[Array, Pullback]:
    """Softsign.

    y = x / (1 + |x|);  dx = dy / (1 + |x|)^2
    Saturates more slowly than tanh.
    """
    xp = namespace(x)
    size = 1.0 + xp.abs(x)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy / size / size,)  # its square may overflow

    return x / size, pullback
