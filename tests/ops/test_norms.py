"""Normalisation of each sample alone: what its mean and variance become, and what does not change it."""

import math

import numpy as np
import pytest

from xpnet import ops

X = np.random.default_rng(0).standard_normal((3, 4, 5, 6)) * 7 + 40
ONES, ZEROS = np.ones(6), np.zeros(6)
FREE = {
    "layer": lambda x: ops.layer_norm(x, ONES, ZEROS, eps=1e-30),
    "whole samples": lambda x: ops.layer_norm(x, np.ones((4, 5, 6)), np.zeros((4, 5, 6)), eps=1e-30),
    "groups": lambda x: ops.group_norm(x, ONES, ZEROS, groups=2, eps=1e-30),
    "channels": lambda x: ops.group_norm(x, ONES, ZEROS, groups=6, eps=1e-30),
}
APART = {"layer": (3,), "whole samples": (1, 2, 3), "groups": (1, 2, 4), "channels": (1, 2)}


@pytest.mark.parametrize("kind", FREE)
def test_mean_0_and_variance_1(kind):
    y, _ = FREE[kind](X)
    parts = y.reshape(3, 4, 5, 2, 3) if kind == "groups" else y
    assert np.abs(parts.mean(axis=APART[kind])).max() < 1e-14
    assert np.abs(parts.var(axis=APART[kind]) - 1).max() < 1e-14


@pytest.mark.parametrize("kind", FREE)
def test_a_sample_is_normalised_by_itself(kind):
    whole, _ = FREE[kind](X)
    alone, _ = FREE[kind](X[1:2])
    assert np.array_equal(whole[1:2], alone)


@pytest.mark.parametrize("kind", FREE)
def test_neither_offset_nor_scale_of_the_inputs_counts(kind):
    """So that the slope has no part along x, and none that is the same for all numbers."""
    y, pullback = FREE[kind](X)
    assert np.allclose(FREE[kind](3 * X - 100)[0], y, rtol=0, atol=1e-12)
    (dx, *_) = pullback(np.cos(X))
    axes = APART["whole samples"]
    assert np.abs(dx.sum(axis=axes)).max() < 1e-13
    assert np.abs((dx * (X - 40)).sum(axis=axes)).max() < 1e-11


def test_one_group_is_layer_norm_of_whole_samples():
    y, _ = ops.group_norm(X, ONES, ZEROS, groups=1)
    wanted, _ = ops.layer_norm(X, np.ones(X.shape[1:]), np.zeros(X.shape[1:]))
    assert np.allclose(y, wanted, rtol=0, atol=1e-14)


def test_rms_norm_makes_the_mean_square_1(array, agree):
    y, pullback = ops.rms_norm(array([[3.0, 4.0]]), array([1.0, 10.0]), eps=0.0)
    agree(y, [[3 / math.sqrt(12.5), 40 / math.sqrt(12.5)]], 1e-15)
    dx, dscale = pullback(array([[3.0, 0.4]]))
    agree(dx, [[0, 0]], 1e-15)  # dy scale lies along x, whose length does not count
    agree(dscale, [9 / math.sqrt(12.5), 1.6 / math.sqrt(12.5)], 1e-15)


@pytest.mark.parametrize(("dtype", "eps"), [("float32", 2.0**-23), ("float64", 2.0**-52)])
def test_rms_norms_eps_is_that_of_the_dtype(dtype, eps, array, agree):
    small = math.sqrt(eps)
    y, _ = ops.rms_norm(array([[small, small]], dtype), array([1.0, 1.0], dtype))
    agree(y, [[math.sqrt(0.5)] * 2], 1e-6)


def test_equal_numbers_become_the_shift(array, agree):
    """Their variance is 0, and eps keeps the slopes finite: dn less its mean, over the root of eps."""
    y, pullback = ops.layer_norm(array([[5.0, 5.0]]), array([2.0, 2.0]), array([0.25, -1.0]), eps=1e-4)
    agree(y, [[0.25, -1]])
    dx, *_ = pullback(array([[1.0, 0.0]]))
    agree(dx, [[100, -100]], 1e-12)


def test_the_digits_of_a_large_offset_are_kept(array, agree):
    """mean(x^2) - mean(x)^2 would have none in float32."""
    x, scale, shift = (array(v, "float32") for v in ([[1e4, 10001.0, 10002.0]], [1.0] * 3, [0.0] * 3))
    y, _ = ops.layer_norm(x, scale, shift)
    agree(y, [[-math.sqrt(1.5), 0, math.sqrt(1.5)]], 1e-4)


@pytest.mark.parametrize("groups", [0, -2, 4, 7])
def test_groups_that_do_not_divide_the_channels(groups):
    with pytest.raises(ValueError, match=rf"group_norm: groups {groups} must divide the 6 channels"):
        ops.group_norm(X, ONES, ZEROS, groups=groups)
