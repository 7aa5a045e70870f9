"""The hyperbolic tangent."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def tanh(x: Array, /) -> tuple[Array, Pullback]:
    """Hyperbolic tangent.

    y = tanh(x);  dx = dy (1 - y^2)
    Saturates on both sides, where its slope goes to 0; its mean is 0. The slope is right to two units in the last place
    of 1, and so 0 from |x| = 9 in float32, as in PyTorch and JAX.
    """
    y = namespace(x).tanh(x)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (1.0 - y * y),)

    return y, pullback
