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


@pytest.mark.parametrize("op", [ops.softmax, ops.log_softmax])
def test_an_axis_of_no_entries_stays_empty(op, array):
    y, pullback = op(array(np.ones((5, 0))))
    assert y.shape == pullback(y)[0].shape == (5, 0)


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


def test_sigmoid_cross_entropy_keeps_the_digits_of_its_slope(array, agree):
    _, pullback = ops.sigmoid_cross_entropy(
        array([[20.0], [37.0], [-30.0]]), target=array([[1.0], [1.0], [0.0]])
    )
    (dx,) = pullback(array([1.0] * 3))
    scale = array([[math.exp(20)], [math.exp(37)], [math.exp(30)]])
    agree(dx * scale, [[-1 / (1 + math.exp(-20))], [-1], [1]], 1e-12)


def test_sigmoid_cross_entropy_of_infinite_logits(array, agree):
    logits, target = array([[math.inf], [-math.inf]] * 2), array([[1.0], [0.0], [0.0], [1.0]])
    loss, pullback = ops.sigmoid_cross_entropy(logits, target=target)
    agree(loss, [0, 0, math.inf, math.inf])
    agree(*pullback(array([1.0] * 4)), [[0], [0], [1], [-1]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_elu_and_tanh_of_huge_inputs(dtype, array, agree):
    x, ones = array([-1e4, 1e4], dtype), array([1.0, 1.0], dtype)
    y, pullback = ops.elu(x, alpha=1.5)
    agree(y, [-1.5, 1e4])
    agree(*pullback(ones), [0, 1])
    y, pullback = ops.tanh(x)
    agree(y, [-1, 1])
    agree(*pullback(ones), [0, 0])


FAR = {  # the value at -1e4 and at 1e4, and the slope at each
    "relu": (0, 1e4, 0, 1),
    "relu6": (0, 6, 0, 0),
    "leaky_relu": (-100, 1e4, 0.01, 1),
    "celu": (-1, 1e4, 0, 1),
    "selu": (-1.7580993408473766, 10507.009873554805, 0, 1.0507009873554805),
    "gelu": (0, 1e4, 0, 1),
    "silu": (0, 1e4, 0, 1),
    "mish": (0, 1e4, 0, 1),
    "softplus": (0, 1e4, 0, 1),
    "softsign": (-1e4 / 10001, 1e4 / 10001, 10001**-2, 10001**-2),
    "hard_sigmoid": (0, 1, 0, 0),
    "hard_swish": (0, 1e4, 0, 1),
    "hard_tanh": (-1, 1, 0, 0),
    "log_sigmoid": (-1e4, 0, 1, 0),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAR)
def test_activations_of_huge_inputs(name, dtype, array, agree):
    y, pullback = ops.ACTIVATIONS[name](array([-1e4, 1e4], dtype))
    agree(y, FAR[name][:2], 1e-6)
    agree(*pullback(array([1.0, 1.0], dtype)), FAR[name][2:], 1e-6)


def test_mish_of_nearly_the_largest_number(array, agree):
    """Twice which is infinite."""
    y, pullback = ops.mish(array([3e38, -3e38], "float32"))
    agree(y, [3e38, 0], 1e-6)
    agree(*pullback(array([1.0, 1.0], "float32")), [1, 0])


def test_gelu_by_tanh_of_huge_inputs(array, agree):
    y, pullback = ops.gelu(array([-1e4, 1e4], "float32"), approximate=True)
    agree(y, [0, 1e4])
    agree(*pullback(array([1.0, 1.0], "float32")), [0, 1])


def test_the_smooth_ones_keep_the_digits_of_their_small_values(array, agree):
    """log(1 + exp(-40)) is exp(-40), of which 1 + exp(-40) has no digit."""
    for op, x, sign in ((ops.softplus, -40.0, 1), (ops.log_sigmoid, 40.0, -1)):
        y, pullback = op(array([x]))
        agree(y * math.exp(40), [sign], 1e-12)
        agree(*pullback(array([math.exp(40)])), [1], 1e-12)


@pytest.mark.parametrize("op", [op for name, op in ops.ACTIVATIONS.items() if "glu" not in name])
def test_nan_comes_through(op, array, agree):
    y, _ = op(array([[NAN], [-1.0], [2.0]]))
    agree(y[0:1, :], [[NAN]])
    agree(y[1:, :], np.asarray(op(np.asarray([[-1.0], [2.0]]))[0]), 1e-12)


@pytest.mark.parametrize("loss", ops.LOSSES)
def test_nan_comes_through_a_loss(loss, array, agree):
    op = ops.LOSSES[loss]
    target = array([1, 1]) if getattr(op, "kind", "") == "classes" else array([[0.0, 1.0], [0.0, 1.0]])
    if loss == "gaussian_nll":
        target = array([[0.0], [1.0]])
    values, _ = op(array([[NAN, NAN], [0.5, 0.5]]), target=target)
    agree(values * 0, [NAN, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_of_huge_outputs(dtype, array, agree):
    """Where the answer is finite, so is what comes out."""
    y, ones = array([[1e4], [-1e4]], dtype), array([1.0, 1.0], dtype)
    zero, right, wrong = (array(t, dtype) for t in ([[0.0], [0.0]], [[1.0], [0.0]], [[0.0], [1.0]]))
    for name, target, values, slopes in (
        ("log_cosh", zero, [1e4 - LN2] * 2, [1, -1]),
        ("quantile", zero, [5e3] * 2, [0.5, -0.5]),
        ("smooth_l1", zero, [1e4 - 0.5] * 2, [1, -1]),
        ("hinge", right, [0, 0], [0, 0]),
        ("hinge", wrong, [10001] * 2, [1, -1]),
        ("sigmoid_focal", right, [0, 0], [0, 0]),
        ("sigmoid_focal", wrong, [7500, 2500], [0.75, -0.25]),
    ):
        losses, pullback = ops.LOSSES[name](y, target=target)
        agree(losses, values, 1e-6)
        agree(pullback(ones)[0], np.reshape(slopes, (2, 1)), 1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_softmax_focal_of_huge_logits(gamma, array, agree):
    z = array([[1e4, -1e4], [1e4, -1e4]], "float32")
    losses, pullback = ops.softmax_focal(z, target=array([0, 1]), gamma=gamma)
    agree(losses, [0, 2e4], 1e-6)
    agree(*pullback(array([1.0, 1.0], "float32")), [[0, 0], [1, -1]], 1e-6)


def test_sigmoid_focal_keeps_the_digits_of_a_small_miss(array, agree):
    """With p = 1 - exp(-40) the loss is exp(-40)^(gamma + 1), and its slope that times -(gamma + 1)."""
    losses, pullback = ops.sigmoid_focal(array([[40.0]]), target=array([[1.0]]), gamma=0.5, alpha=-1.0)
    agree(losses * math.exp(60), [1], 1e-12)
    agree(pullback(array([math.exp(60)]))[0], [[-1.5]], 1e-12)


def test_log_cosh_keeps_the_digits_of_small_errors(array, agree):
    losses, _ = ops.log_cosh(array([1e-9, 1e-3]), target=array([0.0, 0.0]))
    agree(losses / array([0.5e-18, 1.0]), [1, math.log(math.cosh(1e-3))], 1e-12)
    agree(losses[1:] / 1e-6, [0.5 - 1e-6 / 12], 1e-12)


def test_shares_of_zero_cost_nothing(array, agree):
    """0 log 0 is 0, and a log-probability of -inf adds nothing to the loss of another class."""
    target = array([[0.0, 1.0]])
    for op in (ops.nll, ops.kl_divergence):
        losses, pullback = op(array([[-math.inf, 0.0]]), target=target)
        agree(losses, [0])
        agree(*pullback(array([1.0])), [[0, -1]])


def test_cosine_distance_of_no_direction(array, agree):
    losses, pullback = ops.cosine_distance(array([[0.0, 0.0]]), target=array([[3.0, 4.0]]), eps=1e-3)
    agree(losses, [1])
    agree(*pullback(array([1.0])), [[-600, -800]], 1e-12)


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
