"""The check of a written derivative against numerical ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls import checked
from ..errors import GradientError, as_pair, number, require_function
from ..namespace import device, is_array, namespace
from ..typing import Array
from .differences import numerical_gradient


@checked
def check_gradient(
    op: Callable[..., Any],
    *arrays: Array,
    tolerance: float = 1e-6,
    h: float | None = None,
    seed: int = 0,
    compile: Callable[..., Any] = lambda function: function,
    **options: Any,
) -> float:
    """Checks an op's pullback against central differences, element by element, for every array.

    For a random dy, the gradient of sum(dy y) by each array must be the pullback's cotangent, up to
    `tolerance` times the largest magnitude in it. Returns the largest relative error.
    `compile`, such as jax.jit, is applied to the function that the differences call again and again.
    GradientError names the array and its worst element. Use float64: float32 differences are accurate only to
    about 1e-4.
    """
    tolerance = number("tolerance", tolerance)
    require_function("op", op, *(f"x{k}" for k in range(len(arrays))), **dict.fromkeys(options, "option"))
    if not arrays:
        raise TypeError(
            "op: at least one array to differentiate by was wanted, none came: check_gradient(op, x)"
        )
    y, pullback = as_pair("op", op(*arrays, **options))
    y = _value(y)
    xp = namespace(y)
    drawn = np.random.default_rng([seed, 0xD7]).standard_normal(tuple(y.shape))
    dy = xp.asarray(drawn, dtype=y.dtype, device=device(y))
    objective = compile(lambda *changed: xp.sum(_value(op(*changed, **options)[0]) * dy))
    worst = 0.0
    cotangents = pullback(dy)
    if not isinstance(cotangents, tuple) or len(cotangents) != len(arrays):
        came = f"{len(cotangents)}" if isinstance(cotangents, tuple) else f"a {type(cotangents).__name__}"
        raise GradientError(
            f"the pullback gave {came}, a tuple of {len(arrays)} was wanted, one for each array"
        )
    for k, (x, cotangent) in enumerate(zip(arrays, cotangents, strict=True)):
        if not is_array(cotangent):
            raise GradientError(f"argument {k}: the cotangent is a {type(cotangent).__name__}, no array")

        def along(changed: Array, k: int = k) -> Array:
            return objective(*arrays[:k], changed, *arrays[k + 1 :])

        numerical = numerical_gradient(along, x, h)
        worst = max(worst, compare_gradients(cotangent, numerical, f"argument {k}", tolerance))
    return worst


@checked
def compare_gradients(written: Array, numerical: Array, what: str, tolerance: float) -> float:
    """The largest error relative to the largest magnitude; GradientError above the tolerance."""
    if tuple(written.shape) != tuple(numerical.shape):
        raise GradientError(
            f"{what}: the cotangent is {tuple(written.shape)}, wanted is {tuple(numerical.shape)}"
        )
    if 0 in written.shape:
        return 0.0
    xp = namespace(written)
    error = xp.reshape(xp.abs(written - numerical), (-1,))
    scale = max(float(xp.max(xp.abs(numerical))), float(xp.max(xp.abs(written))), 1e-12)
    place = int(xp.argmax(error))
    relative = float(error[place]) / scale
    if not relative <= tolerance:
        index = tuple(int(i) for i in np.unravel_index(place, written.shape))
        raise GradientError(
            f"{what}: at element {index} the pullback gives {float(xp.reshape(written, (-1,))[place]):.8g}, "
            f"the numerical derivative {float(xp.reshape(numerical, (-1,))[place]):.8g} "
            f"(relative error {relative:.1e}, allowed {tolerance:.0e})"
        )
    return relative


def _value(y: Any) -> Array:
    """The value of an op, without the statistic that may come with it."""
    return y[0] if isinstance(y, tuple) else y
