"""The rows of the other ops."""

from __future__ import annotations

from ... import ops
from ..cases import Case
from ..draws import between, key, normal
from . import plain

OPS = (
    Case(
        "linear",
        ops.linear,
        (normal("n", 5), normal(5, 3), normal(3)),
        plain=lambda xp, x, w, b: x @ w + b,
    ),
    Case("linear, no bias", ops.linear, (normal("n", 5), normal(5, 3)), plain=lambda xp, x, w: x @ w),
    Case(
        "linear, sequence",
        ops.linear,
        (normal("n", 4, 5), normal(5, 3), normal(3)),
        plain=lambda xp, x, w, b: x @ w + b,
    ),
    Case("erf", ops.erf, (normal("n", 7, scale=0.7),), plain=plain.erf),
    Case("flatten", ops.flatten, (normal("n", 3, 5),), plain=lambda xp, x: xp.reshape(x, (x.shape[0], 15))),
    Case(
        "concatenate",
        ops.concatenate,
        (normal("n", 3), normal("n", 1), normal("n", 4)),
        plain=lambda xp, *xs: xp.concat(xs, axis=-1),
    ),
    Case("dropout", ops.dropout, (normal("n", 40),), {"key": key()}, {"rate": 0.3}),
    Case(
        "batch_norm",
        ops.batch_norm,
        (normal("n", 3), normal(3), normal(3)),
        plain=plain.batch_norm,
        rows=(5, 2),
    ),
    Case(
        "batch_norm, image",
        ops.batch_norm,
        (normal("n", 3, 4, 2), normal(2), normal(2)),
        plain=plain.batch_norm,
        rows=(5, 1),
    ),
    Case(
        "batch_norm, predict",
        ops.batch_norm,
        (normal("n", 3), normal(3), normal(3)),
        {"mean": normal(3), "var": between(0.5, 2.0, 3)},
        {"eps": 1e-3},
        plain=lambda xp, x, scale, shift, mean, var: (x - mean) / xp.sqrt(var + 1e-3) * scale + shift,
    ),
)
