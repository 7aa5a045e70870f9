"""Activations, losses, cells and their slopes at 1e-30 to 1e30, on both sides, against values to 50 digits."""

from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops

from . import accuracy, accuracy_of_losses
from .accuracy import mp, sigmoid
from .accuracy_of_losses import softplus

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


def check(what, x, found, exact, terms, dtype):
    off = accuracy.errors(found, exact, terms, dtype) / UNITS[dtype]
    worst = int(np.argmax(off))
    assert off[worst] <= 1, f"{what} at {x[worst]:g}: {found[worst]:g} for {float(exact[worst]):g}"


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize(("name", "row"), accuracy_of_losses.ROWS)
def test_losses_and_their_slopes_keep_their_digits(name, row, dtype):
    points = accuracy_of_losses.PROBABILITIES if name == "binary_cross_entropy" else accuracy.POINTS
    x = np.array(points, dtype)
    with np.errstate(under="ignore", over="ignore"):
        y, pullback = ops.LOSSES[name](
            x[:, None], target=np.full((len(x), 1), row.target, dtype), **row.options
        )
        slope = pullback(np.ones_like(y))[0][:, 0]
    for what, found, exact in zip(
        ("value", "slope"), (y, slope), accuracy_of_losses.wanted(row, x), strict=True
    ):
        check(what, x, found, *exact, dtype)


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize("target", [0, 1])
def test_softmax_cross_entropy_is_exact_relative_to_1(target, dtype):
    """Of two logits, z and 0: log(1 + e^-z), whose 1 is a term, and p - t."""
    x = np.array(accuracy.POINTS, dtype)
    with np.errstate(under="ignore", over="ignore"):
        y, pullback = ops.softmax_cross_entropy(
            np.stack([x, np.zeros_like(x)], axis=1), target=np.full(len(x), target)
        )
        slope = pullback(np.ones_like(y))[0]
    numbers = [mp.mpf(float(z)) for z in x]
    wanted = [softplus(-z if target == 0 else z) for z in numbers]
    check("value", x, y, wanted, [max(1, loss) for loss in wanted], dtype)
    for column, (z_sign, is_target) in enumerate(((1, target == 0), (-1, target == 1))):
        exact = [-sigmoid(-z_sign * z) if is_target else sigmoid(z_sign * z) for z in numbers]
        check("slope", x, slope[:, column], exact, [mp.mpf(1)] * len(x), dtype)


def slope_of_sigmoid(x):
    return sigmoid(x) * sigmoid(-x)


CELLS = {
    "rnn": (xn.RNN, mp.tanh, lambda x: mp.sech(x) ** 2, mp.tanh),
    "lstm": (
        xn.LSTM,
        lambda x: sigmoid(x) * mp.tanh(sigmoid(x) * mp.tanh(x)),
        lambda x: (
            slope_of_sigmoid(x) * mp.tanh(sigmoid(x) * mp.tanh(x))
            + sigmoid(x)
            * mp.sech(sigmoid(x) * mp.tanh(x)) ** 2
            * (slope_of_sigmoid(x) * mp.tanh(x) + sigmoid(x) * mp.sech(x) ** 2)
        ),
        lambda x: abs(mp.tanh(x)),
    ),
    "gru": (
        xn.GRU,
        lambda x: sigmoid(-x) * mp.tanh(x),
        lambda x: -slope_of_sigmoid(x) * mp.tanh(x) + sigmoid(-x) * mp.sech(x) ** 2,
        lambda x: abs(mp.tanh(x)),
    ),
}
"""Cells of one unit, weights 1, no bias, in their first step: (layer, value, slope, terms of the value).

Gates are exact relative to 1, tanh's slope is 1 - y^2, and GRU's value n - z n: these are the terms.
"""


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_first_step_of_a_cell(cell, dtype):
    layer, value, slope, term = CELLS[cell]
    x = np.array(accuracy.POINTS, dtype)
    model = xn.Model(layer(1, bias=False), loss="mse", optimizer="sgd", dtype=dtype, backend="numpy").build(
        (1, 1)
    )
    params = {name: np.ones_like(p) for name, p in model.params.items()}
    with np.errstate(under="ignore", over="ignore"):
        y, pullback = model.network.forward(
            params, x[:, None, None], xn.layers.Pass(grad=True).context(wants_dx=True)
        )
        dx, _ = pullback(np.ones_like(y))
    numbers = [mp.mpf(float(z)) for z in x]
    values, terms = ([f(z) for z in numbers] for f in (value, term))
    check("value", x, y[:, 0, 0], values, terms, dtype)
    check("slope", x, dx[:, 0, 0], [slope(z) for z in numbers], [mp.mpf(1)] * len(x), dtype)
