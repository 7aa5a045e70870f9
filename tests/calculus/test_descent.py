"""Gradient descent and ascent: where they end, the path there, and what stops them."""

import numpy as np
import pytest

from xpnet import DivergedError, gradient_ascent, gradient_descent
from xpnet.namespace import namespace


def bowl(x):
    return x[..., 0] ** 2 + x[..., 1] ** 2


def test_the_bowl_is_walked_down(backend):
    """Each step multiplies x by 1 - 2 lr."""
    start = backend.asarray(np.asarray([-3.0, 4.0]))
    for gradient, tolerance in ((None, 1e-9), (lambda x: 2 * x, 1e-15)):
        end, path = gradient_descent(bowl, start, lr=0.1, steps=20, gradient=gradient)
        assert backend.owns(end)
        assert backend.owns(path)
        exact = np.asarray([-3.0, 4.0]) * 0.8 ** np.arange(21)[:, None]
        assert np.allclose(backend.to_numpy(path), exact, rtol=0, atol=tolerance)
        assert np.array_equal(backend.to_numpy(path)[-1], backend.to_numpy(end))
    assert np.array_equal(backend.to_numpy(start), [-3, 4])


def test_ascent_is_descent_on_the_negative(backend):
    start = backend.asarray(np.asarray([-3.0, 4.0]))
    up, path = gradient_ascent(lambda x: -bowl(x), start, lr=0.1, steps=5)
    down, _ = gradient_descent(bowl, start, lr=0.1, steps=5)
    assert np.array_equal(backend.to_numpy(up), backend.to_numpy(down))
    assert tuple(path.shape) == (6, 2)


def test_any_shape_and_no_steps():
    x = np.arange(6).reshape(2, 3)
    end, path = gradient_descent(lambda x: np.sum(x**2), x, steps=0)
    assert path.shape == (1, 2, 3)
    assert end.dtype == np.float64
    end, path = gradient_descent(lambda x: np.sum(x**2), x, lr=0.5, steps=1)
    assert np.allclose(end, 0, atol=1e-9)
    end, path = gradient_descent(lambda x: x**2, np.asarray(2.0), lr=0.25, steps=2)
    assert path == pytest.approx([2.0, 1.0, 0.5], abs=1e-9)


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning", "ignore:.*invalid value:RuntimeWarning")
def test_running_away_is_an_error(backend):
    with pytest.raises(
        DivergedError, match=r"step \d+ of 400 left all finite numbers: use a smaller lr than 10"
    ):
        gradient_descent(bowl, backend.asarray(np.asarray([-3.0, 4.0])), lr=10.0, steps=400)


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf"), "0.1", True])
def test_a_bad_lr_is_named(lr):
    with pytest.raises(ValueError, match=r"lr .* must be a finite number, more than 0"):
        gradient_descent(bowl, np.ones(2), lr=lr)


@pytest.mark.parametrize("steps", [-1, 2.5, True, None])
def test_bad_steps_are_named(steps):
    with pytest.raises(ValueError, match=r"steps .* must be an integer"):
        gradient_descent(bowl, np.ones(2), steps=steps)


def test_a_gradient_of_another_shape_is_an_error():
    """NumPy would broadcast it."""
    with pytest.raises(ValueError, match=r"gradient gave \(1,\), the shape of x \(2,\) was wanted"):
        gradient_descent(bowl, np.ones(2), gradient=lambda x: namespace(x).ones(1))


def test_numbers_of_numpy_are_numbers():
    """lr from an array, steps from another's length."""
    end, path = gradient_descent(bowl, np.ones(2), lr=np.float32(0.25), steps=np.int64(3))
    assert path.shape == (4, 2)
    assert end == pytest.approx([0.125, 0.125], abs=1e-9)


@pytest.mark.parametrize(
    ("gradient", "said"),
    [
        (np.ones(2), r"gradient: a function f\(x\) was wanted"),
        (lambda x: [1.0, 1.0], "gradient gave a list, an array of numpy was wanted"),
    ],
)
def test_a_gradient_of_another_kind_is_an_error(gradient, said):
    with pytest.raises(TypeError, match=said):
        gradient_descent(bowl, np.ones(2), gradient=gradient)


def test_a_gradient_of_another_library_is_an_error(backend):
    start = backend.asarray(np.ones(2))
    if isinstance(start, np.ndarray):
        pytest.skip("the other library is NumPy")
    with pytest.raises(TypeError, match=r"gradient gave an array of numpy, an array of \w+ was wanted"):
        gradient_descent(bowl, start, gradient=lambda x: np.ones(2))


def test_the_dtype_stays():
    start = np.ones(2, "float32")
    end, path = gradient_descent(bowl, start, gradient=lambda x: np.ones(2), steps=2)
    assert end.dtype == path.dtype == np.float32
    end, _ = gradient_descent(lambda x: x**2, np.asarray(2.0), gradient=lambda x: 2.0, steps=1)
    assert end == pytest.approx(1.8)


def test_a_start_that_is_not_finite_is_not_a_matter_of_lr():
    with pytest.raises(ValueError, match="x holds nan at row 1"):
        gradient_descent(bowl, np.asarray([1.0, np.nan]))
    with pytest.raises(DivergedError, match="start where f has a finite gradient"):
        gradient_descent(bowl, np.ones(2), gradient=lambda x: x * np.nan)
