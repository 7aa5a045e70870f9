"""Where formulas break: huge inputs, zero probabilities, NaN. NumPy's warnings are errors in this run."""

import math

import numpy as np
import pytest

from xpnet import ops

LN2 = math.log(2)
NAN = math.nan
DTYPES = ("float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_huge_inputs(dtype, array, agree):
    x = array([[1000.0, 0.0, -1000.0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]], dtype)
    y, pullback = ops.softmax(x)
    agree(y, [[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], 1e-6)
    (dx,) = pullback(array([[1.0, 2.0, 3.0]] * 3, dtype))
    agree(dx, [[0, 0, 0], [-0.25, 0.25, 0], [-1 / 3, 0, 1 / 3]], 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_softmax_of_huge_inputs(dtype, array, agree):
    x = array([[1000.0, 0.0, -1000.0], [1e4, 1e4, -1e4]], dtype)
    y, pullback = ops.log_softmax(x)
    agree(y, [[0, -1000, -2000], [-LN2, -LN2, -2e4 - LN2]], 1e-6)
    (dx,) = pullback(array([[1.0, 2.0, 3.0]] * 2, dtype))
    agree(dx, [[1 - 6, 2, 3], [1 - 3, 2 - 3, 3]], 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_cross_entropy_of_huge_logits(dtype, array, agree):
    logits = array([[1000.0, 0.0, -1000.0], [1e4, 1e4, -1e4], [1000.0, 0.0, -1000.0]], dtype)
    loss, pullback = ops.softmax_cross_entropy(logits, target=array([2, 0, 0]))
    agree(loss, [2000, LN2, 0], 1e-6)
    (dx,) = pullback(array([1.0, 1.0, 1.0], dtype))
    agree(dx, [[1, 0, -1], [-0.5, 0.5, 0], [0, 0, 0]], 1e-6)


def test_softmax_cross_entropy_of_a_class_ruled_out(array, agree):
    """A logit of -inf is probability 0: it adds nothing to the loss of another class."""
    loss, pullback = ops.softmax_cross_entropy(array([[0.0, -math.inf, 0.0]]), target=array([0]))
    agree(loss, [LN2], 1e-15)
    agree(*pullback(array([1.0])), [[-0.5, 0, 0.5]], 1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_of_huge_inputs(dtype, array, agree):
    y, pullback = ops.sigmoid(array([-1e4, -1000.0, 0.0, 1000.0, 1e4], dtype))
    agree(y, [0, 0, 0.5, 1, 1])
    agree(*pullback(array([1.0] * 5, dtype)), [0, 0, 0.25, 0, 0])


def test_sigmoid_keeps_its_small_values(array, agree):
    """At -700 the naive 1 / (1 + exp(700)) is still right, and 1 - sigmoid(700) would be 0."""
    y, pullback = ops.sigmoid(array([-700.0, -40.0]))
    agree(y * array([math.exp(700), math.exp(40)]), [1, 1], 1e-12)
    (dx,) = pullback(array([1.0, 1.0]))
    agree(dx * array([math.exp(700), math.exp(40)]), [1, 1], 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_cross_entropy_of_huge_logits(dtype, array, agree):
    logits = array([[1e4], [1e4], [-1e4], [-1e4], [0.0]], dtype)
    loss, pullback = ops.sigmoid_cross_entropy(
        logits, target=array([[1.0], [0.0], [1.0], [0.0], [1.0]], dtype)
    )
    agree(loss, [0, 1e4, 1e4, 0, LN2], 1e-6)
    (dx,) = pullback(array([1.0] * 5, dtype))
    agree(dx, [[0], [1], [-1], [0], [-0.5]], 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_elu_and_tanh_of_huge_inputs(dtype, array, agree):
    x, ones = array([-1e4, 1e4], dtype), array([1.0, 1.0], dtype)
    y, pullback = ops.elu(x, alpha=1.5)
    agree(y, [-1.5, 1e4])
    agree(*pullback(ones), [0, 1])
    y, pullback = ops.tanh(x)
    agree(y, [-1, 1])
    agree(*pullback(ones), [0, 0])


@pytest.mark.parametrize("op", [ops.relu, ops.leaky_relu, ops.elu, ops.sigmoid, ops.tanh])
def test_nan_comes_through(op, array, agree):
    y, _ = op(array([NAN, -1.0, 2.0]))
    agree(op(array([0.0, -1.0, 2.0]))[0][1:], np.asarray(_numbers(op)), 1e-12)
    agree(y, [NAN, *_numbers(op)], 1e-12)


def _numbers(op):
    return {
        "relu": (0, 2),
        "leaky_relu": (-0.01, 2),
        "elu": (math.expm1(-1), 2),
        "sigmoid": (1 / (1 + math.e), 1 / (1 + math.exp(-2))),
        "tanh": (math.tanh(-1), math.tanh(2)),
    }[op.__name__]


@pytest.mark.parametrize("loss", ops.LOSSES)
def test_nan_comes_through_a_loss(loss, array, agree):
    wide = not loss.startswith(("softmax", "cross"))
    target = array([[0.0, 1.0], [0.0, 1.0]]) if wide else array([1, 1])
    values, _ = ops.LOSSES[loss](array([[NAN, NAN], [0.5, 0.5]]), target=target)
    agree(values * 0, [NAN, 0])


# The guard against the logarithm of 0: exp(-100), or float32's smallest normal number, 2^-126

LARGEST = {"float64": 100.0, "float32": 126 * LN2}


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_a_zero_probability(dtype, array, agree):
    p = array([[0.0, 1.0], [0.5, 0.5]], dtype)
    for target in (array([0, 0]), array([[1.0, 0.0], [1.0, 0.0]], dtype)):
        loss, pullback = ops.cross_entropy(p, target=target)
        agree(loss, [LARGEST[dtype], LN2], 1e-6)
        agree(*pullback(array([1.0, 1.0], dtype)), [[0, 0], [-2, 0]], 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_of_a_certain_mistake(dtype, array, agree):
    p, target = array([[0.0], [1.0], [1.0], [0.5]], dtype), array([[1.0], [0.0], [1.0], [0.0]], dtype)
    loss, pullback = ops.binary_cross_entropy(p, target=target)
    agree(loss, [LARGEST[dtype], LARGEST[dtype], 0, LN2], 1e-6)
    agree(*pullback(array([1.0] * 4, dtype)), [[0], [0], [-1], [2]], 1e-6)


def test_cross_entropy_just_above_its_guard_is_exact(array, agree):
    loss, pullback = ops.cross_entropy(array([[1e-40, 1.0]]), target=array([0]))
    agree(loss, [40 * math.log(10)], 1e-12)
    (dp,) = pullback(array([1.0]))
    agree(dp * 1e-40, [[-1, 0]], 1e-12)
