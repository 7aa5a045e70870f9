"""Dropout."""

from __future__ import annotations

from ..namespace import device, namespace, replaceable
from ..typing import Array, Pullback
from .random import Key, bits


@replaceable
def dropout(x: Array, /, *, rate: float, key: Key) -> tuple[Array, Pullback]:
    """Inverted dropout: each element is 0 with probability `rate`, the others grow so that the mean stays.

    y = x keep / (1 - rate);  dx = dy keep / (1 - rate)
    keep is drawn from `key`: one key, one mask, the same on every array library.
    Source: Srivastava et al., 2014, JMLR 15.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate {rate} is not in [0, 1): it is the share of elements to drop")
    xp = namespace(x)
    keep = bits(key, x.shape, device=device(x)) >= int(rate * 2**32) - 2**31  # as the bits are signed
    scale = 1.0 / (1.0 - rate)

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(keep, dy * scale, 0.0),)

    return xp.where(keep, x * scale, 0.0), pullback
