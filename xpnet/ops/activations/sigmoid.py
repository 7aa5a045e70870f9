"""The logistic function."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def sigmoid(x: Array, /) -> tuple[Array, Pullback]:
    """Logistic sigmoid.

    y = 1 / (1 + exp(-x));  dx = dy y (1 - y) = dy e / (1 + e)^2, e = exp(-|x|)
    Saturates on both sides, where its slope goes to 0; its mean is 1/2 and not 0. Never overflows: exp is
    taken of -abs(x) only. The slope keeps its digits, which 1 - y loses.
    """
    xp = namespace(x)
    e = xp.exp(-xp.abs(x))
    both = 1.0 + e

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (e / (both * both)),)

    return xp.where(x < 0, e, 1.0) / both, pullback
