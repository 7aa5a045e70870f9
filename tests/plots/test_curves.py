"""Functions of one number: the lines that are drawn are the mathematics."""

import math

import numpy as np
import pytest

import xpnet as xn
from xpnet.plots import fitted_curve, function, tangent_line


def parabola(x):
    return x**2


def drawn(ax):
    """The lines by label, as (x, y)."""
    return {line.get_label(): line.get_data() for line in ax.lines}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# A function and its derivative


def test_a_function_and_its_derivative_are_drawn():
    ax = function(np.sin, (-1, 2), label="sin x")
    (x, y), (same, slope) = drawn(ax).values()
    assert (x[0], x[-1]) == (-1, 2)
    assert np.array_equal(y, np.sin(x))
    assert np.allclose(slope, np.cos(same), rtol=0, atol=1e-9)
    assert legend(ax) == ["sin x", "derivative of sin x"]
    first, second = ax.lines
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_a_given_derivative_or_none():
    ax = function(parabola, df=lambda x: 5.0)
    assert np.all(ax.lines[1].get_ydata() == 5.0)  # a number is meant for every x
    assert len(function(parabola, df=False).lines) == 1


def test_functions_share_axes_in_colours_of_their_own():
    ax = function(np.tanh, label="tanh")
    assert function(np.sin, label="sin", ax=ax) is ax
    assert len({line.get_color() for line in ax.lines}) == 4


def test_a_function_in_float32_has_a_smooth_derivative():
    ax = function(lambda x: np.sin(x.astype("float32")))
    x, slope = drawn(ax)["derivative of f(x)"]
    assert np.allclose(slope, np.cos(x), rtol=0, atol=1e-4)  # with the step of the forward difference 3e-4


def test_a_function_of_another_library(backend):
    xp = backend.xp
    ax = function(lambda x: xp.tanh(backend.asarray(x)))
    x, y = drawn(ax)["f(x)"]
    assert np.allclose(y, np.tanh(x), rtol=0, atol=1e-12)


def test_gaps_are_gaps_and_constants_are_flat():
    x, y = drawn(function(np.log))["f(x)"]
    assert np.isnan(y[x < 0]).all()
    assert np.isfinite(y[x > 0]).all()
    assert np.all(drawn(function(lambda x: 2))["derivative of f(x)"][1] == 0)


@pytest.mark.parametrize(
    ("f", "options", "error", "said"),
    [
        (math.sin, {}, TypeError, r"f failed on .*numpy\.sin\(x\) for math\.sin"),
        (lambda x: x if x > 0 else 0, {}, TypeError, r"numpy\.where"),
        (xn.ops.tanh, {}, TypeError, r"f gave a tuple.*op\(x\)\[0\]"),
        (lambda x: x[:3], {}, ValueError, r"f\(x\) is \(3,\) for x \(601,\)"),
        (lambda x: x + 1j, {}, TypeError, r"f\(x\) must hold real numbers"),
        (3, {}, TypeError, "f: a function .* was wanted, 3 came"),
        (np.sin, {"df": math.cos}, TypeError, "df failed"),
        (np.log, {"domain": (-2, -1)}, ValueError, r"no finite value on the domain \(-2, -1\)"),
        (np.sin, {"domain": (3, -3)}, ValueError, r"domain \(3, -3\) must be \(low, high\)"),
        (np.sin, {"domain": 3}, ValueError, "domain 3 must be"),
    ],
)
def test_functions_that_cannot_be_drawn(f, options, error, said):
    with pytest.raises(error, match=said):
        function(f, **options)


# Tangents


def test_the_tangent_of_a_parabola_at_1():
    ax = tangent_line(parabola, 1)
    curve, tangent = ax.lines
    assert np.array_equal(curve.get_ydata(), curve.get_xdata() ** 2)
    (x0, x1), (y0, y1) = tangent.get_data()
    assert (x0, x1) == (-3, 3)
    assert (y1 - y0) / (x1 - x0) == pytest.approx(2, abs=1e-9)
    assert y0 + 2 * (1 - x0) == pytest.approx(1, abs=1e-8)
    assert np.allclose(ax.collections[0].get_offsets(), [[1, 1]])
    assert legend(ax) == ["f(x)", "tangent at 1: y = 1 + 2 (x - 1)"]


def test_two_tangents_of_one_curve():
    def gentle(x):
        return 0.01 * x**2 + 0.1 * x

    ax = tangent_line(gentle, 5, (0, 20))
    tangent_line(gentle, 10.0, (0, 20), ax=ax)
    assert legend(ax) == [
        "f(x)",
        "tangent at 5: y = 0.75 + 0.2 (x - 5)",
        "tangent at 10: y = 2 + 0.3 (x - 10)",
    ]
    assert len(ax.lines) == 3  # the curve is there once
    tangent_line(parabola, 10.0, (0, 20), ax=ax)
    assert len(ax.lines) == 5  # another function is another curve


def test_a_steep_tangent_leaves_the_curve_its_height():
    tangent = tangent_line(lambda x: np.tanh(10 * x), 0).lines[1]
    assert np.allclose(tangent.get_ydata(), [-3, 3])
    assert np.allclose(tangent.get_xdata(), [-0.3, 0.3])


@pytest.mark.parametrize(
    ("f", "x", "equation"),
    [
        (np.cos, 0, "y = 1 + 0 x"),
        (lambda x: 3, -1, "y = 3 + 0 (x + 1)"),
        (lambda x: -x, 2, "y = -2 - 1 (x - 2)"),
    ],
)
def test_an_equation_is_written_as_one_would(f, x, equation):
    assert legend(tangent_line(f, x))[1].endswith(equation)


def test_a_tangent_at_an_array_of_any_library(backend):
    assert legend(tangent_line(parabola, backend.asarray(np.asarray(1.0))))[1].endswith("y = 1 + 2 (x - 1)")


def test_no_tangent_where_there_is_no_value():
    with pytest.raises(ValueError, match=r"no finite value and slope at -1\.0"):
        tangent_line(np.log, -1)
    with pytest.raises(ValueError, match="x"):
        tangent_line(np.log, [1, 2])


# Data and a fitted curve


def test_data_and_predictions(backend):
    x, y = np.asarray([[0.0], [1.0], [3.0]]), np.asarray([1.0, 2.0, -1.0])
    ax = fitted_curve(
        backend.asarray(x), backend.asarray(y), lambda t: 2 * backend.asarray(t), domain=(0, 4), label="twice"
    )
    assert np.array_equal(ax.collections[0].get_offsets(), np.column_stack([x, y]))
    t, line = drawn(ax)["twice"]
    assert (t[0], t[-1]) == (0, 4)
    assert np.array_equal(line, 2 * t)
    assert legend(ax) == ["data", "twice"]


def test_several_models_and_a_real_one():
    x, y = np.linspace(-1, 1, 12), np.linspace(-1, 1, 12) ** 2
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy", dtype="float64")
    model.fit(x[:, None], y, epochs=2)
    ax = fitted_curve(x, y, {"model": model.predict, "raw": model.forward, "zero": lambda t: 0 * t[:, 0]})
    lines = drawn(ax)
    assert np.array_equal(lines["model"][1], lines["raw"][1])
    wanted = lines["model"][0] * model.params["weight"][0, 0] + model.params["bias"][0]
    assert np.allclose(lines["model"][1], wanted)
    assert lines["model"][0][0] < -1  # a margin around the data
    assert legend(ax) == ["data", "model", "raw", "zero"]


def test_one_point_has_room_around_it():
    t, _ = drawn(fitted_curve([1.0], [2.0], lambda t: t))["prediction"]
    assert (t[0], t[-1]) == (0, 2)


@pytest.mark.parametrize(
    ("x", "y", "predict", "error", "said"),
    [
        ([], [], np.sin, ValueError, "x is empty"),
        ([1, 2], [1], np.sin, ValueError, r"y \(1,\) must be \(2,\)"),
        (np.ones((3, 2)), [1, 2, 3], np.sin, ValueError, r"x \(3, 2\) must be \(n,\) or \(n, 1\)"),
        (["a"], [1], np.sin, TypeError, "x must hold real numbers, it holds text"),
        ([1.0, np.nan], [1, 2], np.sin, ValueError, "x holds nan at row 1"),
        ([1], [1], lambda t: np.ones((len(t), 2)), ValueError, r"predict\(x\) \(601, 2\) must be"),
        ([1], [1], "tanh", TypeError, r"predict: a function was wanted, such as model\.predict, a str came"),
    ],
)
def test_data_that_cannot_be_drawn(x, y, predict, error, said):
    with pytest.raises(error, match=said):
        fitted_curve(x, y, predict)


@pytest.mark.parametrize("slope", [50.0, -50.0])
def test_a_steep_tangent_ends_near_the_curve(slope):
    """And is one line through the point, whichever way it leans."""
    curve, line = tangent_line(lambda x: np.tanh(slope * x), 0).lines
    x, y = line.get_data()
    assert x[0] < 0 < x[1]
    assert np.allclose(y, slope * x, atol=1e-5)
    assert np.abs(y).max() == pytest.approx(3, abs=1e-3)  # the curve's range on both sides, and as much again
    assert np.abs(curve.get_ydata()).max() <= 1


def test_a_slope_that_is_noise_is_written_as_zero():
    assert "tangent at 0: y = 1 + 0 x" in legend(tangent_line(lambda x: 1 + 1e-10 * x, 0))


def test_a_tangent_touches_at_one_number():
    with pytest.raises(ValueError, match=r"x \(2,\) must be one number"):
        tangent_line(parabola, [1.0, 2.0])
    assert tangent_line(parabola, [1.0]).lines


def test_a_function_in_bfloat16_which_numpy_does_not_have():
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'xpnet[torch]'")
    x, y = drawn(function(lambda x: torch.asarray(x).bfloat16()))["f(x)"]
    assert np.allclose(x, y, rtol=0.01)
