"""The rectified linear unit with a learned slope."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from ..sums import sum_over_batch


def prelu(x: Array, slope: Array, /) -> tuple[Array, Pullback]:
    """Parametric rectified linear unit.

    y = x where x > 0, else slope x;  dx = dy where x > 0, else dy slope, dslope = sum (0 where x > 0, else dy x)
    x (..., c); slope (c,), one for each feature, or (1,), one for all.
    Source: He et al., 2015, arXiv:1502.01852.
    """
    xp, shape = namespace(x), slope.shape
    if shape not in ((1,), x.shape[-1:]):
        raise ValueError(f"prelu: slope {shape} must be (1,) or the features' {x.shape[-1:]}, x is {x.shape}")
    positive = x > 0

    def pullback(dy: Array) -> tuple[Array, Array]:
        each = xp.where(positive, 0.0, dy * x)
        dslope = xp.sum(each) if shape == (1,) else sum_over_batch(xp, each)
        return xp.where(positive, dy, dy * slope), xp.reshape(dslope, shape)

    return xp.where(positive, x, slope * x), pullback
