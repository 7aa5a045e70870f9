"""Activations and their slopes at 1e-30 to 1e30, on both sides, against values to 50 digits."""

from functools import partial

import numpy as np
import pytest

from xpnet import ops

from . import accuracy

UNITS = {"float32": 8, "float64": 1e-14 / np.finfo("float64").eps}
"""Units of the last place that a result may be off."""


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize("name", accuracy.FUNCTIONS)
def test_values_and_slopes_keep_their_digits(name, dtype):
    """Tanh's slope, 1 - y^2, is relative to 1, and the error of a rounded exponent is allowed."""
    op = ops.ACTIVATIONS[name.partition(" ")[0]]
    x, values, slopes, terms = accuracy.wanted(name, dtype)
    with np.errstate(under="ignore", over="ignore"):
        y, pullback = (partial(op, approximate=True) if name == "gelu by tanh" else op)(x)
        (dx,) = pullback(np.ones_like(x))
    exponents = np.abs(accuracy.EXPONENTS.get(name, np.zeros_like)(x.astype("float64")))
    allowed = UNITS[dtype] + 1.5 * exponents
    for what, found, exact, scale in (("value", y, values, values), ("slope", dx, slopes, terms)):
        off = accuracy.errors(found, exact, scale, dtype) / allowed
        worst = int(np.argmax(off))
        assert off[worst] <= 1, f"{what} at {x[worst]:g}: {found[worst]:g} for {float(exact[worst]):g}"
