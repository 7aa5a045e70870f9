"""The rows of the other ops."""

from __future__ import annotations

from ... import ops
from ..case import Case
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
    Case(
        "reshape",
        ops.reshape,
        (normal("n", 4, 3),),
        options={"shape": (2, -1, 3)},
        plain=lambda xp, x: xp.reshape(x, (x.shape[0], 2, 2, 3)),
    ),
    Case(
        "permute",
        ops.permute,
        (normal("n", 2, 3, 4),),
        options={"axes": (3, 1, 2)},
        plain=lambda xp, x: xp.moveaxis(x, 3, 1),
    ),
    *(
        Case(
            f"upsample, {method}, {kind}",
            ops.upsample,
            (normal("n", *space, 3),),
            options={"factor": factor, "method": method},
            plain=plain.doubled if method == "linear" else lambda xp, x, f=factor: plain.nearest(xp, x, f),
        )
        for method, factor, kind, space in (
            ("nearest", 3, "sequence", (4,)),
            ("nearest", 2, "image", (2, 3)),
            ("linear", 2, "sequence", (4,)),
            ("linear", 2, "image", (1, 3)),
        )
    ),
    Case("dropout", ops.dropout, (normal("n", 40),), {"key": key()}, {"rate": 0.3}),
    Case("spatial_dropout", ops.spatial_dropout, (normal("n", 2, 3, 8),), {"key": key()}, {"rate": 0.3}),
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
    *(
        Case(
            f"{op.__name__}, {kind}",
            op,
            (normal("n", *sizes), *(normal(*sizes[-axes:]) for _ in range(arrays))),
            plain=formula,
        )
        for op, formula, arrays in ((ops.layer_norm, plain.layer_norm, 2), (ops.rms_norm, plain.rms_norm, 1))
        for kind, sizes, axes in (("sequence", (2, 5), 1), ("whole", (2, 3, 2), 3))
    ),
    *(
        Case(
            f"group_norm, {kind}",
            ops.group_norm,
            (normal("n", *sizes), normal(sizes[-1]), normal(sizes[-1])),
            options={"groups": groups},
            plain=lambda xp, x, scale, shift, g=groups: plain.group_norm(xp, x, scale, shift, g),
        )
        for kind, sizes, groups in (
            ("image", (3, 2, 4), 2),
            ("each channel", (2, 3, 3), 3),
            ("features", (6,), 2),
        )
    ),
)
