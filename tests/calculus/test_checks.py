"""The check of a pullback against differences: right ones pass, wrong ones are named by argument and element."""

import math

import numpy as np
import pytest

from xpnet import check_gradient, ops
from xpnet.errors import GradientError


def product(x, w, /):
    return x * w, lambda dy: (dy * w, dy * x)


def product_wrong_at_one_element(x, w, /):
    def pullback(dy):
        dw = dy * x
        dw[1, 2] *= 1.01
        return dy * w, dw

    return x * w, pullback


def two_arrays():
    rng = np.random.default_rng(3)
    return rng.uniform(1, 2, (2, 3)), rng.uniform(1, 2, (2, 3))


def test_a_right_pullback_passes_with_its_error():
    assert 0 <= check_gradient(product, *two_arrays()) < 1e-9


def test_a_wrong_pullback_is_named_by_argument_and_element():
    with pytest.raises(GradientError, match=r"argument 1: at element \(1, 2\) the pullback gives"):
        check_gradient(product_wrong_at_one_element, *two_arrays())
    check_gradient(product_wrong_at_one_element, *two_arrays(), tolerance=0.02)


def test_a_cotangent_of_another_shape_is_an_error():
    with pytest.raises(GradientError, match=r"argument 0: the cotangent is \(3,\), wanted is \(2, 3\)"):
        check_gradient(lambda x, /: (x * 2.0, lambda dy: (dy[0],)), np.ones((2, 3)))


def test_a_nan_is_never_right():
    with pytest.raises(GradientError, match="argument 0"):
        check_gradient(lambda x, /: (x * 2.0, lambda dy: (dy * math.nan,)), np.ones(3))


def test_options_are_passed_on():
    x = np.asarray([-1.0, 2.0])
    check_gradient(ops.leaky_relu, x, alpha=0.3)
    with pytest.raises(GradientError):
        check_gradient(
            lambda x, /, alpha: (ops.leaky_relu(x, alpha=alpha)[0], lambda dy: (dy,)), x, alpha=0.3
        )


def test_an_op_with_a_statistic_beside_its_value_can_be_checked():
    """batch_norm's value is (y, (mean, var)), and only y is differentiated."""
    rng = np.random.default_rng(7)
    check_gradient(ops.batch_norm, rng.standard_normal((5, 3)), np.ones(3), np.zeros(3))


@pytest.mark.parametrize(
    ("op", "error", "said"),
    [
        (np.sin, TypeError, r"op must give \(value, pullback\), it gave a ndarray"),
        (lambda x, /: (x, x), TypeError, "op must give"),
        (lambda x, /: (x * 2, lambda dy: dy * 2), GradientError, "gave a ndarray, a tuple of 1 was wanted"),
        (lambda x, /: (x * 2, lambda dy: ()), GradientError, "gave 0, a tuple of 1 was wanted"),
        (lambda x, /: (x * 2, lambda dy: (None,)), GradientError, "argument 0: the cotangent is a NoneType"),
    ],
)
def test_an_argument_that_is_no_op_is_named(op, error, said):
    with pytest.raises(error, match=said):
        check_gradient(op, np.ones(3))
