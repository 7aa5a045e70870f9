"""Tangent lines and planes on every backend."""

import numpy as np
import pytest

from xpnet import tangent
from xpnet.namespace import namespace


def bowl(x):
    return x[..., 0] ** 2 + x[..., 1] ** 2


@pytest.mark.parametrize(
    "x", [1, 1.0, np.float64(1.0), np.asarray(1.0)], ids=["int", "float", "scalar", "0-d"]
)
def test_tangent_of_the_parabola(x):
    """y = 1 + 2 (x - 1), from the definition."""
    line = tangent(lambda x: x**2, x)
    assert line.value == 1
    assert line.gradient == pytest.approx(2, abs=1e-9)
    assert line.normal == pytest.approx((2, -1), abs=1e-9)
    assert np.allclose(line(np.asarray([0.0, 1.0, 3.0])), [-1, 1, 5], rtol=0, atol=1e-9)


def test_tangent_plane_of_the_bowl(backend):
    """z = 2 + 2 (x0 - 1) + 2 (x1 - 1), normal (2, 2, -1)."""
    at = backend.asarray(np.asarray([1, 1]), dtype="float64")
    plane = tangent(bowl, at)
    for got, wanted in ((plane.value, 2.0), (plane.gradient, [2.0, 2.0]), (plane.normal, [2.0, 2.0, -1.0])):
        assert backend.owns(got)
        assert np.allclose(backend.to_numpy(got), wanted, rtol=0, atol=1e-9)
    grid = np.stack(np.meshgrid([-1.0, 0.0, 2.0], [0.0, 5.0]), axis=-1)  # (2, 3, 2)
    heights = backend.to_numpy(plane(backend.asarray(grid)))
    assert np.allclose(heights, 2 * grid[..., 0] + 2 * grid[..., 1] - 2, rtol=0, atol=1e-8)


def test_tangent_of_many_variables_is_first_order():
    """The remainder shrinks with the square of the distance."""
    rng = np.random.default_rng(0)
    at, away = rng.standard_normal(5), rng.standard_normal(5)
    f = lambda x: np.sum(np.sin(x), axis=-1)  # noqa: E731
    t = tangent(f, at)
    errors = [abs(f(at + s * away) - t(at + s * away)) for s in (1e-1, 1e-2, 1e-3)]
    assert errors[1] < errors[0] / 50
    assert errors[2] < errors[1] / 50


def test_a_tangent_touches_in_one_point():
    with pytest.raises(ValueError, match=r"tangent: x \(2, 2\) must be one point"):
        tangent(bowl, np.ones((2, 2)))


def test_integers_are_points_too(xpnet_backend):
    point = tangent(bowl, xpnet_backend.asarray(np.asarray([1, 1]))).point
    assert namespace(point).isdtype(point.dtype, "real floating")


@pytest.mark.parametrize("x", [np.ones(3), np.asarray(2.0), 2.0], ids=["d", "0-d", "number"])
def test_points_off_the_plane_are_an_error(x):
    """NumPy would broadcast a number."""
    with pytest.raises(ValueError, match=r"tangent: x .* must be \(\.\.\., 2\), points on the plane"):
        tangent(bowl, np.ones(2))(x)


def test_a_value_of_one_element_is_a_number():
    plane = tangent(lambda x: x[:1] ** 2, np.ones(2))
    assert plane.value.shape == plane(np.ones(2)).shape == ()
