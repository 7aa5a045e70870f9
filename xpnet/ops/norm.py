"""Normalisation by the statistics of the batch."""

from __future__ import annotations

import math
from typing import Any

from ..namespace import namespace
from ..typing import Array, Pullback


def batch_norm(
    x: Array,
    scale: Array,
    shift: Array,
    /,
    *,
    mean: Array = None,
    var: Array = None,
    eps: float = 1e-5,
) -> tuple[Any, Pullback]:
    """Batch normalisation of each feature, over all axes but the last.

    y = n scale + shift, n = (x - mean) / s, s = sqrt(var + eps), var = mean (x - mean)^2;
    dx = scale / s (dy - mean dy - n mean(dy n)), dscale = sum dy n, dshift = sum dy
    x (..., c), scale and shift (c,). Without `mean` and `var` they are the batch's own, and the value is
    `(y, (mean, var))`, whose second part is not differentiated. With them given, as at prediction, they are
    constants, the value is `y`, and dx = dy scale / s.
    ValueError where a batch of one value per feature has no variance.
    Source: Ioffe, Szegedy, 2015, arXiv:1502.03167.
    """
    xp = namespace(x)
    axes = tuple(range(x.ndim - 1))
    own = mean is None or var is None
    count = math.prod(x.shape[:-1])
    if own:
        if count < 2:
            raise ValueError(
                f"batch_norm: x {x.shape} has {count} value(s) per feature, and no variance: "
                "train on batches of at least 2, choosing a batch_size that leaves no last batch of 1"
            )
        mean = xp.mean(x, axis=axes)
        centred = x - mean
        var = xp.mean(centred * centred, axis=axes)
    else:
        centred = x - mean
    inverse = 1.0 / xp.sqrt(var + eps)
    normal = centred * inverse
    y = normal * scale + shift

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dscale, dshift = xp.sum(dy * normal, axis=axes), xp.sum(dy, axis=axes)
        inner = dy - (dshift + normal * dscale) / count if own else dy
        return scale * inverse * inner, dscale, dshift

    return ((y, (mean, var)) if own else y), pullback
