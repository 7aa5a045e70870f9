"""Convolution and pooling by their definitions, at their edges, and calls that cannot be."""

import numpy as np
import pytest

from xpnet import ops

RNG = np.random.default_rng(3)


def test_a_convolution_multiplies_polynomials():
    """Padded to the full, and the kernel turned round."""
    p, q = RNG.standard_normal(6), RNG.standard_normal(3)
    y, _ = ops.conv(p[None, :, None], q[::-1, None, None], padding=2)
    assert np.allclose(y[0, :, 0], np.polymul(p, q), rtol=1e-14)


def test_a_kernel_of_one_is_linear():
    x, w, b = RNG.standard_normal((2, 3, 4, 5)), RNG.standard_normal((1, 1, 5, 6)), RNG.standard_normal(6)
    assert np.allclose(ops.conv(x, w, b)[0], ops.linear(x, w[0, 0], b)[0], rtol=1e-13)


def test_groups_are_convolutions_side_by_side():
    x, w = RNG.standard_normal((2, 6, 7, 4)), RNG.standard_normal((3, 2, 2, 6))
    options = {"stride": 2, "padding": 1}
    halves = [ops.conv(x[..., 2 * g : 2 * g + 2], w[..., 3 * g : 3 * g + 3], **options)[0] for g in range(2)]
    assert np.allclose(ops.conv(x, w, groups=2, **options)[0], np.concat(halves, axis=-1), rtol=1e-13)


@pytest.mark.parametrize("size", [5, 6])
def test_the_transpose_is_the_derivative_by_the_input(size):
    """output_padding says which of the sizes that convolve to the same one is meant."""
    x, w = RNG.standard_normal((2, size, size, 3)), RNG.standard_normal((3, 3, 3, 4))
    y, pullback = ops.conv(x, w, stride=2, padding=1)
    dy = RNG.standard_normal(y.shape)
    found, _ = ops.conv_transpose(
        dy, np.swapaxes(w, -1, -2), stride=2, padding=1, output_padding=1 - size % 2
    )
    assert np.allclose(found, pullback(dy)[0], rtol=1e-12)


@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_keeps_the_sizes(kernel, dilation):
    x, w = RNG.standard_normal((1, 4, 5, 1)), RNG.standard_normal((kernel, kernel, 1, 1))
    assert ops.conv(x, w, padding="same", dilation=dilation)[0].shape == x.shape


def test_the_input_has_no_derivative_where_none_is_wanted():
    x, w = RNG.standard_normal((2, 5, 3)), RNG.standard_normal((2, 3, 4))
    for op, v in ((ops.conv, w), (ops.conv_transpose, w)):
        y, pullback = op(x, v, wants_dx=False)
        dx, dw = pullback(np.ones_like(y))
        assert dx is None
        assert np.array_equal(dw, op(x, v)[1](np.ones_like(y))[1])


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
def test_a_window_of_one_changes_nothing(pool):
    x = RNG.standard_normal((2, 5, 3))
    y, pullback = pool(x, kernel_size=1)
    assert np.array_equal(y, x)
    assert np.array_equal(pullback(x)[0], x)


def test_the_first_largest_gets_the_derivative():
    x = np.asarray([[1.0, 2.0, 2.0], [2.0, 0.0, 1.0]])[None, :, :, None]
    _, pullback = ops.max_pool(x, kernel_size=(2, 3))
    wanted = np.zeros((2, 3))
    wanted[0, 1] = 5.0
    assert np.array_equal(pullback(np.full((1, 1, 1, 1), 5.0))[0][0, ..., 0], wanted)
    assert np.array_equal(ops.global_max_pool(x)[1](np.full((1, 1), 5.0))[0][0, ..., 0], wanted)


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
def test_what_is_not_a_number_comes_through_a_pooling(pool):
    x = np.ones((1, 6, 1))
    x[0, 3] = np.nan
    y, _ = pool(x, kernel_size=2)
    assert np.array_equal(np.isnan(y[0, :, 0]), [False, True, False])


def test_minus_infinity_is_not_taken_for_padding():
    x = np.full((1, 3, 1), -np.inf)
    y, pullback = ops.max_pool(x, kernel_size=2, padding=1)
    assert np.array_equal(pullback(np.ones_like(y))[0][0, :, 0], [1, 1, 0])


X1, X2, W1, W2 = np.ones((2, 7, 3)), np.ones((2, 7, 6, 3)), np.ones((3, 3, 4)), np.ones((3, 3, 3, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.conv(np.ones((2, 3)), W1), r"conv: x takes sequences .* or images .*, not \(n, 3\)"),
        (lambda: ops.conv(X1, W2), r"conv: x \(2, 7, 3\) and w \(3, 3, 3, 4\) do not fit in 1 group"),
        (lambda: ops.conv(X2, W2, groups=3), r"w \(3, 3, 3, 4\) do not fit in 3 group"),
        (lambda: ops.conv(X2, W2, groups=0), "conv: groups 0 must be a positive integer"),
        (lambda: ops.conv(X2, W2, np.ones(3)), r"conv: b \(3,\) must be \(4,\), one for each output"),
        (lambda: ops.conv(X2, W2, stride=(1, 2, 3)), r"conv: stride \(1, 2, 3\) has 3 numbers, where 2 were"),
        (lambda: ops.conv(X2, W2, stride=0), "conv: stride 0 must be a positive integer"),
        (lambda: ops.conv(X2, W2, padding="full"), "conv: padding 'full' must be .* 'valid' or 'same'"),
        (lambda: ops.conv(X2, W2, padding="same", stride=2), "padding 'same' is for stride 1, not 2"),
        (lambda: ops.conv(X2, W2, dilation=4), "kernel of 3 elements, dilation 4, does not fit into 7"),
        (
            lambda: ops.conv_transpose(X1, W1, output_padding=1),
            "output_padding 1 must be less than the stride 1",
        ),
        (lambda: ops.conv_transpose(X1, W1, padding=5), "conv_transpose: 7 elements less 2 x 5 of padding"),
        (
            lambda: ops.conv_transpose(X1, W1, padding="same"),
            "conv_transpose: padding 'same' must be an integer",
        ),
        (
            lambda: ops.max_pool(X2, kernel_size=3, padding=2),
            "padding 2 must be at most half of kernel_size 3",
        ),
        (
            lambda: ops.max_pool(X2, kernel_size=8),
            "max_pool: a kernel of 8 elements, dilation 1, does not fit into 7",
        ),
        (
            lambda: ops.average_pool(X2, kernel_size=2, count_include_pad=1),
            "count_include_pad 1 must be True",
        ),
        (lambda: ops.average_pool(X2, kernel_size="2"), "average_pool: kernel_size '2' must be a positive"),
        (lambda: ops.global_max_pool(np.ones((2, 3))), r"not \(n, 3\): there is nothing to pool"),
        (lambda: ops.global_average_pool(np.ones((2, 0, 3))), r"not \(n, 0, 3\): there is nothing to pool"),
    ],
)
def test_what_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("op", [ops.conv, ops.conv_transpose])
def test_values_lie_one_behind_the_other(op, groups):
    """Compiled loops take no others, and an activation would run portably, in many times the time."""
    x, w = np.ones((3, 6, 5, 4), "float32"), np.ones((3, 2, 4 // groups, 8), "float32")
    y, pullback = op(x, w, np.ones(8, "float32"), groups=groups)
    assert y.flags.c_contiguous
    assert pullback(y)[0].flags.c_contiguous
