"""The logarithm of the logistic function."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def log_sigmoid(x: Array, /) -> tuple[Array, Pullback]:
    """Logarithm of the logistic sigmoid.

    y = -log(1 + exp(-x));  dx = dy / (1 + exp(x)) = dy (1 - exp(y))
    Computed as min(x, 0) - log(1 + exp(-|x|)), which does not overflow.
    """
    xp = namespace(x)
    y = xp.where(x < 0, x, 0.0) - xp.log1p(xp.exp(-xp.abs(x)))

    def pullback(dy: Array) -> tuple[Array]:
        return (-dy * xp.expm1(y),)

    return y, pullback
