"""The affine map of a dense layer."""

from __future__ import annotations

import math

from ..errors import as_pair, as_single
from ..namespace import namespace, replaceable
from ..typing import Array, Op, Pullback
from .sums import sum_over_batch


@replaceable
def linear(
    x: Array,
    w: Array,
    b: Array | None = None,
    /,
    *,
    activation: Op | None = None,
    wants_dx: bool = True,
) -> tuple[Array, Pullback]:
    """Affine map of the last axis, and an elementwise activation of it.

    y = f(z), z = x w + b, f = activation;  dz = dy f'(z), dx = dz w^T, dw = x^T dz, db = sum dz
    x (..., in), w (in, out), b (out,) or left out -> y (..., out). Sums run over all axes but the last.
    activation: an op such as `relu`; the identity where it is left out.
    The pullback returns (dx, dw), and db where b was given; `wants_dx=False` saves dx's product and returns None.
    """
    xp = namespace(x)
    shape, (fan_in, fan_out) = x.shape, w.shape
    if shape[-1] != fan_in:
        raise ValueError(
            f"linear: x {tuple(shape)} has {shape[-1]} features, w {tuple(w.shape)} takes {fan_in}: "
            "w must be (features of x, outputs)"
        )
    rows = math.prod(shape[:-1])
    flat_x = x if len(shape) == 2 else xp.reshape(x, (rows, fan_in))
    if b is not None and b.shape != (fan_out,):
        raise ValueError(
            f"linear: b {tuple(b.shape)} must be ({fan_out},), one for each output of w {tuple(w.shape)}"
        )
    y = flat_x @ w
    if b is not None:
        y = y + b
    y = y if len(shape) == 2 else xp.reshape(y, (*shape[:-1], fan_out))
    pull_activation = None
    if activation is not None:
        y, pull_activation = as_pair("activation", activation(y))

    def pullback(dy: Array) -> tuple[Array, ...]:
        if pull_activation is not None:
            dy = as_single("activation", pull_activation(dy))
        flat_dy = dy if len(shape) == 2 else xp.reshape(dy, (rows, fan_out))
        dx = xp.reshape(flat_dy @ xp.matrix_transpose(w), shape) if wants_dx else None
        dw = xp.matrix_transpose(flat_x) @ flat_dy
        return (dx, dw) if b is None else (dx, dw, sum_over_batch(xp, flat_dy))

    return y, pullback
