"""The rectified linear unit."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def relu(x: Array, /) -> tuple[Array, Pullback]:
    """Rectified linear unit.

    y = max(x, 0);  dx = dy where x > 0, else 0
    Does not saturate for x > 0. A unit whose x stays negative gets no gradient: it is dead.
    """
    xp = namespace(x)
    y = xp.where(x <= 0, 0.0, x)  # not `x > 0`: a NaN must come through

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(y <= 0, 0.0, dy),)  # of x and y, only y is needed by the next layer anyway

    return y, pullback
