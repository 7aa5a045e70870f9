"""Normalisation: by the statistics of the batch, and of each sample alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ..namespace import namespace
from ..typing import Array, Pullback
from .sums import mean_over_batch, mean_rows, sum_over_batch


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

    y = n scale + shift, n = (x - mu) / s, s = sqrt(v + eps), mu = mean x, v = mean (x - mu)^2;
    dx = scale / s (dy - mean dy - n mean(dy n)), dscale = sum dy n, dshift = sum dy
    x (..., c), scale and shift (c,). The value is `(y, (mu, v))`, whose second part is not differentiated. With `mean`
    and `var` given, as at prediction, these constants take the place of mu and v, the value is `y`, and
    dx = dy scale / s.
    ValueError where a batch of one value per feature has no variance.
    Source: Ioffe, Szegedy, 2015, arXiv:1502.03167.
    """
    xp = namespace(x)
    own = mean is None or var is None
    count = math.prod(x.shape[:-1])
    if own:
        if count < 2:
            raise ValueError(
                f"batch_norm: x {x.shape} has {count} value(s) per feature, and no variance: "
                "train on batches of at least 2, choosing a batch_size that leaves no last batch of 1"
            )
        mean = mean_over_batch(xp, x)
        centred = x - mean
        var = mean_over_batch(xp, centred * centred)
    else:
        centred = x - mean
    inverse = _inverse_root(xp, var + eps)
    normal = centred * inverse
    y = normal * scale + shift

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dscale, dshift = sum_over_batch(xp, dy * normal), sum_over_batch(xp, dy)
        inner = dy - (dshift + normal * dscale) / count if own else dy
        return scale * inverse * inner, dscale, dshift

    return ((y, (mean, var)) if own else y), pullback


def layer_norm(x: Array, scale: Array, shift: Array, /, *, eps: float = 1e-5) -> tuple[Array, Pullback]:
    """Layer normalisation of each sample, or each place of it, over the last axes: those that `scale` has.

    y_i = n_i scale + shift, n_i = (x_i - mu_i) / s_i,
    mu_i = mean x_i, s_i = sqrt(v_i + eps), v_i = mean (x_i - mu_i)^2;
    dx_i = (dn_i - mean dn_i - n_i mean(dn_i n_i)) / s_i, dn_i = dy_i scale,
    dscale = sum_i dy_i n_i, dshift = sum_i dy_i
    x (n, ..., c), scale and shift (c,), or the shape of as many of the last axes as are normalised together.
    Source: Ba, Kiros, Hinton, 2016, arXiv:1607.06450.
    """
    xp = namespace(x)
    axes = tuple(range(x.ndim - scale.ndim, x.ndim))
    total = partial(sum_over_batch, xp, kept=scale.ndim)
    normal, back = _standardised(x, lambda v: xp.mean(v, axis=axes, keepdims=True), eps)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        return back(dy * scale), total(dy * normal), total(dy)

    return normal * scale + shift, pullback


def rms_norm(x: Array, scale: Array, /, *, eps: float | None = None) -> tuple[Array, Pullback]:
    """Division by the root mean square over the last axes: those that `scale` has.

    y_i = n_i scale, n_i = x_i / s_i, s_i = sqrt(mean x_i^2 + eps);
    dx_i = (dn_i - n_i mean(dn_i n_i)) / s_i, dn_i = dy_i scale, dscale = sum_i dy_i n_i
    x (n, ..., c), scale (c,), or the shape of as many of the last axes as are normalised together. eps None is the
    distance from 1 to the next number of x's dtype.
    Source: Zhang, Sennrich, 2019, arXiv:1910.07467.
    """
    xp = namespace(x)
    eps = float(xp.finfo(x.dtype).eps) if eps is None else eps
    axes = tuple(range(x.ndim - scale.ndim, x.ndim))
    inverse = _inverse_root(xp, xp.mean(x * x, axis=axes, keepdims=True) + eps)
    normal = x * inverse

    def pullback(dy: Array) -> tuple[Array, Array]:
        dn = dy * scale
        dx = inverse * (dn - normal * xp.mean(dn * normal, axis=axes, keepdims=True))
        return dx, sum_over_batch(xp, dy * normal, kept=scale.ndim)

    return normal * scale, pullback


def group_norm(
    x: Array, scale: Array, shift: Array, /, *, groups: int, eps: float = 1e-5
) -> tuple[Array, Pullback]:
    """Group normalisation of each sample over its space and each of the groups of neighbouring channels.

    y_i = n_i scale + shift, n_i = (x_i - mu_i) / s_i,
    mu_i = mean x_i, s_i = sqrt(v_i + eps), v_i = mean (x_i - mu_i)^2;
    dx_i = (dn_i - mean dn_i - n_i mean(dn_i n_i)) / s_i, dn_i = dy_i scale,
    dscale = sum_i dy_i n_i, dshift = sum_i dy_i
    x (n, ..., c), scale and shift (c,); groups divides c, or it is a ValueError. With as many groups as channels it
    is instance normalisation, with one group layer normalisation over all axes.
    Source: Wu, He, 2018, arXiv:1803.08494; Ulyanov, Vedaldi, Lempitsky, 2016, arXiv:1607.08022.
    """
    xp, shape = namespace(x), x.shape
    if groups < 1 or shape[-1] % groups:
        raise ValueError(
            f"group_norm: groups {groups} must divide the {shape[-1]} channels of x {tuple(shape)}"
        )
    n, c = shape[0], shape[-1]
    flat, grouped = (n, math.prod(shape[1:-1]), c), (n, groups, c // groups)

    def mean(v: Array) -> Array:
        # over both axes at once NumPy takes three times as long
        channels = xp.reshape(mean_rows(xp, v), grouped)
        spread = xp.broadcast_to(xp.mean(channels, axis=2, keepdims=True), grouped)
        return xp.reshape(spread, (n, 1, c))

    standard, back = _standardised(xp.reshape(x, flat), mean, eps)
    normal = xp.reshape(standard, shape)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dx = xp.reshape(back(xp.reshape(dy * scale, flat)), shape)
        return dx, sum_over_batch(xp, dy * normal), sum_over_batch(xp, dy)

    return normal * scale + shift, pullback


def _inverse_root(xp: Any, v: Array) -> Array:
    """1 / sqrt(v), and NaN where squares have overflown: 1 / infinity would make all of x a 0, which nothing shows."""
    return xp.sqrt(v) / v


def _standardised(
    x: Array, mean: Callable[[Array], Array], eps: float
) -> tuple[Array, Callable[[Array], Array]]:
    """n = (x - mean x) / sqrt(mean (x - mean x)^2 + eps), and the function from dn to dx."""
    xp = namespace(x)
    centred = x - mean(x)
    inverse = _inverse_root(xp, mean(centred * centred) + eps)
    normal = centred * inverse

    def back(dn: Array) -> Array:
        return inverse * (dn - mean(dn) - normal * mean(dn * normal))

    return normal, back
