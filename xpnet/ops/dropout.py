"""Dropout of elements, and of whole channels."""

from __future__ import annotations

from ..namespace import device, namespace, replaceable
from ..typing import Array, Pullback, Shape
from .random import Key, bits


@replaceable
def dropout(x: Array, /, *, rate: float, key: Key) -> tuple[Array, Pullback]:
    """Inverted dropout: each element is 0 with probability `rate`, the others are scaled to keep the mean.

    y = x keep / (1 - rate), keep = 1 where uniform(key) >= rate, else 0;  dx = dy keep / (1 - rate)
    One key stands for one mask, the same on every array library.
    Source: Srivastava et al., 2014, JMLR 15.
    """
    return _dropped("dropout", x, x.shape, rate, key)


def spatial_dropout(x: Array, /, *, rate: float, key: Key) -> tuple[Array, Pullback]:
    """Inverted dropout of whole channels: each channel of each sample is 0 with probability `rate`.

    y = x keep / (1 - rate), keep = 1 where uniform(key) >= rate, else 0;  dx = dy keep / (1 - rate)
    x (n, ..., c); keep (n, 1, ..., 1, c). One key stands for one mask, the same on every array library.
    Source: Tompson et al., 2015, arXiv:1411.4280.
    """
    channels = x.shape[1:][-1:]  # none where x is (n,)
    return _dropped("spatial_dropout", x, (x.shape[0], *(1,) * (x.ndim - 2), *channels), rate, key)


def _dropped(what: str, x: Array, drawn: Shape, rate: float, key: Key) -> tuple[Array, Pullback]:
    """x times a mask of the shape `drawn`, which is that of x or broadcasts to it."""
    if not 0 <= rate < 1:
        raise ValueError(f"{what}: rate {rate} is not in [0, 1): it is the share of elements to drop")
    xp = namespace(x)
    keep = bits(key, drawn, device=device(x)) >= int(rate * 2**32) - 2**31  # as the bits are signed
    scale = 1.0 / (1.0 - rate)

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(keep, dy * scale, 0.0),)

    return xp.where(keep, x * scale, 0.0), pullback
