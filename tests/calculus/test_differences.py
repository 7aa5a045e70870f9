"""Numerical derivatives: the digits taught, every backend, many points at once, the limits of float32."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import derivative, gradient_descent, numerical_gradient, ops, tangent
from xpnet.calculus import differences
from xpnet.namespace import namespace

DRAWN = settings(max_examples=50, deadline=None, database=None, derandomize=True)


def parabola(x):
    return 0.01 * x**2 + 0.1 * x


def squares(x):
    return namespace(x).sum(x**2)


def agree(backend, got, wanted, atol, rtol=0.0):
    """Of the backend and the wanted shape; the values too, unless the backend has shapes only."""
    assert backend.owns(got)
    assert tuple(got.shape) == np.shape(wanted)
    if backend.capabilities.computes:
        assert np.allclose(backend.to_numpy(got), wanted, rtol=rtol, atol=atol)


# One number


@pytest.mark.parametrize("kind", [int, float, np.float64])
@pytest.mark.parametrize(
    ("x", "method", "digits"),
    [
        (5, "central", 0.1999999999990898),
        (10, "central", 0.2999999999986347),
        (5, "forward", 0.20000099999917254),
    ],
)
def test_the_digits_taught(x, method, digits, kind):
    assert derivative(parabola, kind(x), h=1e-4, method=method) == digits


def test_central_differences_are_the_default():
    assert derivative(parabola, 5, 1e-4) == derivative(parabola, 5, 1e-4, "central")


@DRAWN
@given(x=st.floats(-20, 20))
def test_the_default_step_is_the_best_one(x):
    """eps^(2/3) and eps^(1/2) are the errors to expect; a factor of 100 is for f''' and f'' of tanh."""
    slope, eps = 1 - math.tanh(x) ** 2, 2.0**-52
    assert abs(derivative(math.tanh, x) - slope) <= 100 * eps ** (2 / 3) * max(1, abs(x)) ** 2
    assert abs(derivative(math.tanh, x, method="forward") - slope) <= 100 * eps**0.5 * max(1, abs(x))


def test_an_array_is_differentiated_at_each_element():
    x = np.asarray([[5.0, 10.0], [0.0, -5.0]])
    slopes = derivative(parabola, x, h=1e-4)
    assert slopes[0, 0] == 0.1999999999990898
    assert slopes[0, 1] == 0.2999999999986347
    assert np.allclose(slopes, 0.02 * x + 0.1, rtol=0, atol=1e-10)


def test_unknown_method_names_the_nearest():
    with pytest.raises(ValueError, match="'centrl' is unknown: did you mean 'central'"):
        derivative(parabola, 5, method="centrl")


@pytest.mark.parametrize("h", [0, -1e-4, math.nan, math.inf, True, "1e-4", np.full(2, 1e-4)], ids=str)
def test_a_step_must_be_a_positive_number(h):
    with pytest.raises(ValueError, match=r"h .* must be a finite number, more than 0"):
        derivative(parabola, 5, h=h)
    with pytest.raises(ValueError, match=r"h .* must be a finite number, more than 0"):
        numerical_gradient(squares, np.ones(2), h=h)


def test_a_step_in_float32_does_not_round_a_float64_x():
    assert derivative(parabola, 5.0, np.float32(1e-3)) == pytest.approx(0.2, abs=1e-12)


def test_an_x_too_large_for_h_gives_nan(backend):
    """x + h is x there, and the difference would be 0."""
    x = backend.asarray(np.asarray([1.0, 1e10]), dtype="float64")
    slopes = backend.to_numpy(derivative(lambda x: x * x, x, 1e-8))
    assert slopes[0] == pytest.approx(2, abs=1e-6)
    assert np.isnan(slopes[1])
    with pytest.raises(ValueError, match="h 1e-08 is lost in the roundoff"):
        derivative(lambda x: x * x, 1e10, 1e-8)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (3, r"f: a function f\(x\) was wanted, 3 came"),
        (lambda x: [x, x], "f gave a list, a number or an array was wanted"),
        (lambda x: None, "f gave a NoneType"),
        (lambda x: 1j, "f gave a complex"),
        (lambda x: 1j * np.asarray(x), r"f\(x\) must hold real numbers, it holds complex"),
        (lambda x: (x, x), r"f gave a tuple, .* take its value, op\(x\)\[0\]"),
    ],
    ids=["no function", "list", "None", "complex", "complex array", "op"],
)
def test_a_value_that_is_no_number_is_named(f, said):
    for differentiate in (
        lambda: derivative(f, 2.0),
        lambda: derivative(f, np.ones(2), method="forward"),
        lambda: numerical_gradient(f, np.ones(2)),
        lambda: numerical_gradient(f, np.ones(2), vectorized=True),
        lambda: tangent(f, 1.0),
        lambda: tangent(f, np.ones(2)),
        lambda: gradient_descent(f, np.ones(2)),
    ):
        with pytest.raises(TypeError, match=said):
            differentiate()


@pytest.mark.parametrize("x", [np.asarray([1j]), np.asarray([None])], ids=["complex", "object"])
def test_an_x_that_is_not_real_is_named(x):
    for differentiate in (derivative, numerical_gradient, tangent, gradient_descent):
        with pytest.raises(TypeError, match="x must hold real numbers"):
            differentiate(lambda x: x**2, x)


def test_integers_that_a_function_gives_do_not_wrap():
    assert derivative(lambda x: np.floor(x).astype("uint8"), np.asarray([1.0])) > 0


# Gradients on every backend


@pytest.mark.parametrize(
    ("at", "gradient"), [((3, 4), (6, 8)), ((0, 2), (0, 4)), ((3, 0), (6, 0))], ids=["34", "02", "30"]
)
@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_gradient_of_two_variables(at, gradient, dtype, xpnet_backend):
    x = xpnet_backend.asarray(np.asarray(at, dtype))
    g = numerical_gradient(squares, x)
    if dtype == "float64":
        assert g.dtype == x.dtype
    # an integer becomes the library's default float, which may be float32
    agree(xpnet_backend, g, gradient, 1e-8 if "64" in str(g.dtype) else 1e-3)
    agree(xpnet_backend, x, at, 0)  # unchanged


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 1, 2)], ids=str)
def test_gradient_by_an_array_of_any_shape(shape, xpnet_backend):
    x = np.random.default_rng(0).standard_normal(shape)
    g = numerical_gradient(lambda x: namespace(x).sum(x**3), xpnet_backend.asarray(x))
    agree(xpnet_backend, g, 3 * x**2, 1e-8)


def test_a_function_may_give_a_python_number():
    assert np.allclose(numerical_gradient(lambda x: float(x[0] * x[1]), np.asarray([2.0, 5.0])), [5.0, 2.0])


def test_float32_without_a_step_is_good_to_a_thousandth(xpnet_backend):
    points = np.asarray([-1.5, 0.3, 7.0])
    x = xpnet_backend.asarray(points, dtype="float32")
    xp = namespace(x)
    for slopes in (derivative(xp.sin, x), numerical_gradient(lambda x: xp.sum(xp.sin(x)), x)):
        assert slopes.dtype == x.dtype
        agree(xpnet_backend, slopes, np.cos(points), 1e-3)
    far = xpnet_backend.asarray(1000 * points, dtype="float32")  # where the step must grow with x
    agree(xpnet_backend, derivative(lambda x: x * x, far), 2000 * points, 0, rtol=1e-3)


def test_a_step_too_small_for_float32_is_an_error(xpnet_backend):
    x = xpnet_backend.asarray(np.ones(2), dtype="float32")
    for differentiate in (derivative, numerical_gradient):
        with pytest.raises(ValueError, match=r"h 0\.0001 is too small for .*float32.*float64"):
            differentiate(squares, x, h=1e-4)
        differentiate(squares, x, h=1e-3)


@pytest.mark.parametrize("f", [np.float32, lambda x: np.asarray(x, "float32") ** 2], ids=["scalar", "array"])
def test_a_function_that_rounds_to_float32_is_an_error(f):
    """Its noise, 6e-8 / h, would be a hundredth of the slope."""
    for differentiate in (
        lambda h=1e-4: derivative(f, np.asarray(1.5), h),
        lambda h=None: derivative(f, np.asarray(1.5), h),
        lambda h=None: derivative(f, 1.5, h),
        lambda h=None: numerical_gradient(f, np.asarray([1.5]), h),
    ):
        with pytest.raises(ValueError, match="f gave float32 for x in float64"):
            differentiate()
        differentiate(h=1e-2)


def test_jax_without_x64_does_not_answer_noise():
    """A Python float is float64, and JAX's functions answer in float32."""
    code = (
        "import jax.numpy as jnp, xpnet as xn\n"
        "try:\n    print(xn.derivative(jnp.sin, 5.0))\n"
        "except ValueError as error:\n    print('refused', error)"
    )
    pytest.importorskip("jax", reason="jax is not installed: pip install 'xpnet[jax]'")
    environment = {**os.environ, "JAX_ENABLE_X64": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused f gave float32 for x in float64"), done.stdout


# Many points at once


def two_hills(x):
    """Of points (..., 2, 3)."""
    xp = namespace(x)
    return xp.sum(xp.sin(x[..., 0, :]) * x[..., 1, :] ** 2, axis=-1)


@pytest.mark.parametrize("method", ["central", "forward"])
@pytest.mark.parametrize("at_once", [1, 7, 10**6], ids=["one", "some", "all"])
def test_many_points_at_once_give_the_same_gradient(at_once, method, xpnet_backend, monkeypatch):
    """The split of the points changes nothing: one by one, with a smaller last part, in one call."""
    monkeypatch.setattr(differences, "ELEMENTS_AT_ONCE", 6 * at_once)
    points = np.random.default_rng(1).standard_normal((2, 3))
    x = xpnet_backend.asarray(points)
    exact = np.stack([np.cos(points[0]) * points[1] ** 2, 2 * np.sin(points[0]) * points[1]])
    for vectorized in (False, True):
        g = numerical_gradient(two_hills, x, method=method, vectorized=vectorized)
        agree(xpnet_backend, g, exact, 1e-9 if method == "central" else 1e-6)
    agree(xpnet_backend, x, points, 0)


def test_many_points_take_few_calls(monkeypatch):
    calls = []

    def f(x):
        calls.append(x.shape)
        return np.sum(x**2, axis=-1)

    x = np.arange(50.0)
    assert np.allclose(numerical_gradient(f, x, vectorized=True), 2 * x, atol=1e-6)
    assert calls == [(50, 50)] * 2
    calls.clear()
    numerical_gradient(f, x)
    assert calls == [(50,)] * 100
    calls.clear()
    monkeypatch.setattr(differences, "ELEMENTS_AT_ONCE", 1000)
    numerical_gradient(f, x, vectorized=True)
    assert calls == [(20, 50)] * 4 + [(10, 50)] * 2


def test_a_function_that_mixes_the_points_is_an_error():
    with pytest.raises(ValueError, match=r"f gave \(\) for points of shape \(3, 3\), \(3,\) was wanted"):
        numerical_gradient(lambda x: np.sum(x**2), np.ones(3), vectorized=True)
    with pytest.raises(ValueError, match="f gave a number for points"):
        numerical_gradient(lambda x: 1.0, np.ones(3), vectorized=True)


def test_a_function_that_gives_an_array_is_an_error():
    with pytest.raises(ValueError, match=r"f gave \(3,\) for one point, a scalar was wanted"):
        numerical_gradient(lambda x: x**2, np.ones(3))


# The gradient of a small network


@pytest.mark.parametrize("target", [2, [0.0, 0.0, 1.0]], ids=["integer", "one-hot"])
def test_gradient_of_a_small_network(target, xpnet_backend):
    backend = xpnet_backend
    w = np.asarray([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]])
    x = np.asarray([0.6, 0.9])
    e = np.exp(x @ w)
    analytic = np.outer(x, e / e.sum() - [0, 0, 1])
    placed, t = backend.asarray(x), backend.asarray(np.asarray(target))

    def loss(w):
        return ops.softmax_cross_entropy(placed @ w, target=t)[0]

    numerical = numerical_gradient(loss, backend.asarray(w))
    agree(backend, numerical, analytic, 1e-9)
    agree(backend, namespace(numerical).sum(numerical, axis=1), [0, 0], 1e-9)
