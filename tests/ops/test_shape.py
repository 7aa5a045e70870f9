"""Other shapes and orders of the same elements, and finer grids."""

import numpy as np
import pytest

from xpnet import ops

X = np.arange(48.0).reshape(2, 2, 3, 4)


@pytest.mark.parametrize(
    ("shape", "wanted"), [((24,), (24,)), ((-1,), (24,)), ((4, -1, 2), (4, 3, 2)), ((2, 12, 1), (2, 12, 1))]
)
def test_reshape_keeps_each_sample(shape, wanted, array, agree):
    y, pullback = ops.reshape(array(X), shape=shape)
    agree(y, X.reshape(2, *wanted))
    agree(*pullback(y), X)


def test_reshape_of_no_samples():
    y, pullback = ops.reshape(np.ones((0, 6)), shape=(-1, 2))
    assert y.shape == (0, 3, 2)
    assert pullback(y)[0].shape == (0, 6)


@pytest.mark.parametrize("shape", [(5,), (-1, 7), (-1, -1), (-1, 0), (2, 3, 4, 2), ()])
def test_shapes_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"does not hold the 24 elements of samples \(2, 3, 4\)"):
        ops.reshape(X, shape=shape)


def test_permute_counts_axes_from_the_first_of_a_sample(array, agree):
    y, pullback = ops.permute(array(X), axes=(3, 1, 2))
    agree(y, np.moveaxis(X, 3, 1))
    agree(*pullback(y), X)


@pytest.mark.parametrize("axes", [(1, 2), (0, 1, 2), (1, 1, 2), (1, 2, 3, 4), (-1, 1, 2), ()])
def test_axes_that_are_not_all(axes):
    with pytest.raises(ValueError, match=r"axes .* must hold each of a sample's axes once, .* are 1 to 3"):
        ops.permute(X, axes=axes)


def test_nearest(array, agree):
    y, pullback = ops.upsample(array([[[1.0], [5.0]]]), factor=3)
    agree(y, [[[1], [1], [1], [5], [5], [5]]])
    agree(*pullback(array([[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]])), [[[6], [15]]])


def test_linear(array, agree):
    """Of points at 1/6, 3/6 and 5/6 of each old cell, whose values are those of their middles."""
    y, pullback = ops.upsample(array([[[1.0], [7.0]]]), factor=3, method="linear")
    agree(y, [[[1], [1], [3], [5], [7], [7]]], 1e-15)
    agree(*pullback(array([[[1.0], [1.0], [3.0], [3.0], [1.0], [1.0]]])), [[[5], [5]]], 1e-15)


@pytest.mark.parametrize("method", ops.UPSAMPLE_METHODS)
def test_what_is_flat_stays_flat_and_a_factor_of_1_changes_nothing(method):
    assert np.allclose(ops.upsample(np.full((2, 3, 1, 2), 7.0), factor=5, method=method)[0], 7, rtol=1e-15)
    assert np.array_equal(ops.upsample(X, factor=1, method=method)[0], X)


def test_a_method_that_is_none():
    with pytest.raises(ValueError, match="upsample: method 'liner' is unknown: did you mean 'linear'"):
        ops.upsample(X, method="liner")
