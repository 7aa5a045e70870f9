"""The rows of the activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ... import ops
from ...typing import Array
from ..case import Case
from ..draws import normal
from . import plain


def _row(
    op: Callable[..., Any], formula: Callable[..., Array], *, scale: float = 1.0, **options: Any
) -> Case:
    """An activation of (n, 8) numbers, half of them negative."""
    name = ", ".join([op.__name__, *(f"{option} {value}" for option, value in options.items())])
    return Case(name, op, (normal("n", 8, scale=scale),), options=options, plain=formula)


def _gelu_by_tanh(xp: Any, x: Array) -> Array:
    return 0.5 * x * (1 + plain.tanh(xp, math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = (
    _row(ops.relu, lambda xp, x: xp.where(x > 0, x, 0.0)),
    _row(ops.relu6, lambda xp, x: xp.where(x > 6, 6.0, xp.where(x > 0, x, 0.0)), scale=6.0),
    _row(ops.leaky_relu, lambda xp, x: xp.where(x > 0, x, 0.2 * x), alpha=0.2),
    _row(ops.elu, lambda xp, x: xp.where(x > 0, x, 1.3 * (xp.exp(x) - 1)), alpha=1.3),
    _row(ops.celu, lambda xp, x: xp.where(x > 0, x, 1.3 * (xp.exp(x / 1.3) - 1)), alpha=1.3),
    _row(
        ops.selu, lambda xp, x: 1.0507009873554805 * xp.where(x > 0, x, 1.6732632423543772 * (xp.exp(x) - 1))
    ),
    _row(ops.gelu, lambda xp, x: 0.5 * x * (1 + plain.erf(xp, x * math.sqrt(0.5)))),
    _row(ops.gelu, _gelu_by_tanh, approximate=True),
    _row(ops.silu, lambda xp, x: x * plain.logistic(xp, x), scale=3.0),
    _row(ops.mish, lambda xp, x: x * plain.tanh(xp, xp.log(1 + xp.exp(x))), scale=3.0),
    _row(ops.softplus, lambda xp, x: xp.log(1 + xp.exp(x)), scale=3.0),
    _row(
        ops.softplus,
        lambda xp, x: xp.where(2 * x > 3, x, xp.log(1 + xp.exp(2 * x)) / 2),
        scale=3.0,
        beta=2.0,
        threshold=3.0,
    ),
    _row(ops.softsign, lambda xp, x: x / (1 + xp.abs(x))),
    _row(
        ops.hard_sigmoid,
        lambda xp, x: xp.where(x > 3, 1.0, xp.where(x < -3, 0.0, x / 6 + 0.5)),
        scale=3.0,
    ),
    _row(
        ops.hard_swish,
        lambda xp, x: xp.where(x > 3, x, xp.where(x < -3, 0.0, x * (x / 6 + 0.5))),
        scale=3.0,
    ),
    _row(
        ops.hard_tanh,
        lambda xp, x: xp.where(x > 0.9, 0.9, xp.where(x < -0.4, -0.4, x)),
        min_val=-0.4,
        max_val=0.9,
    ),
    _row(ops.sigmoid, plain.logistic, scale=3.0),
    _row(ops.log_sigmoid, lambda xp, x: xp.log(plain.logistic(xp, x)), scale=3.0),
    _row(ops.tanh, plain.tanh),
    _row(ops.glu, lambda xp, x: x[..., :4] * plain.logistic(xp, x[..., 4:])),
    _row(ops.swiglu, lambda xp, x: x[..., :4] * plain.logistic(xp, x[..., :4]) * x[..., 4:]),
    _row(ops.softmax, plain.softmax),
    _row(ops.log_softmax, lambda xp, x: xp.log(plain.softmax(xp, x))),
    *(
        Case(
            f"{op.__name__}, axis {axis}",
            op,
            (normal("n", 5, 3),),
            options={"axis": axis},
            plain=lambda xp, x, f=f, axis=axis: f(
                xp, xp.exp(x) / xp.sum(xp.exp(x), axis=axis, keepdims=True)
            ),
        )
        for op, f, axis in (
            (ops.softmax, lambda xp, p: p, 1),
            (ops.log_softmax, lambda xp, p: xp.log(p), -2),
        )
    ),
    *(
        Case(
            f"prelu, {kind}",
            ops.prelu,
            (normal("n", 3, 4), normal(*slope)),
            plain=lambda xp, x, slope: xp.where(x > 0, x, slope * x),
        )
        for kind, slope in (("one slope", (1,)), ("a slope for each feature", (4,)))
    ),
)
