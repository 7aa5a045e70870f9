"""The mish activation."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def mish(x: Array, /) -> tuple[Array, Pullback]:
    """Mish.

    y = x t, t = tanh(log(1 + exp(x)));  dx = dy (t + x (1 - t^2) s), s = 1 / (1 + exp(-x))
    With e = exp(x), t = (e^2 + 2 e) / (e^2 + 2 e + 2), in powers of exp(-x) where x > 0, so that nothing overflows.
    Source: Misra, 2019, arXiv:1908.08681.
    """
    xp = namespace(x)
    negative, e = x < 0, xp.exp(-xp.abs(x))
    upper = xp.where(negative, e * (e + 2.0), 1.0 + 2.0 * e)
    rest = xp.where(negative, 2.0, 2.0 * e * e)
    t = upper / (upper + rest)

    def pullback(dy: Array) -> tuple[Array]:
        s = xp.where(negative, e, 1.0) / (1.0 + e)
        return (dy * (t + x * (s * (1.0 + t) * (rest / (upper + rest)))),)  # x times 2 may overflow

    return x * t, pullback
