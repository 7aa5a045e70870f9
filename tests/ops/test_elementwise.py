"""An op's value and its slope as plain functions."""

import math

import numpy as np
import pytest

from xpnet import ops
from xpnet.ops import slope, value

POINTS = [-2.0, -0.5, 0.5, 2.0]
SLOPES = {
    "sigmoid": lambda x: 1 / (2 + math.exp(x) + math.exp(-x)),
    "tanh": lambda x: 1 / math.cosh(x) ** 2,
    "relu": lambda x: float(x > 0),
    "leaky_relu": lambda x: 1.0 if x > 0 else 0.01,
    "elu": lambda x: 1.0 if x > 0 else math.exp(x),
    "celu": lambda x: 1.0 if x > 0 else math.exp(x),
    "selu": lambda x: 1.0507009873554805 * (1.0 if x > 0 else 1.6732632423543772 * math.exp(x)),
    "relu6": lambda x: float(0 < x < 6),
    "gelu": lambda x: (
        (1 + math.erf(x / math.sqrt(2))) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    ),
    "silu": lambda x: (1 + math.exp(-x) + x * math.exp(-x)) / (1 + math.exp(-x)) ** 2,
    "softplus": lambda x: 1 / (1 + math.exp(-x)),
    "softsign": lambda x: (1 + abs(x)) ** -2,
    "hard_sigmoid": lambda x: 1 / 6,
    "hard_swish": lambda x: x / 3 + 1 / 2,
    "hard_tanh": lambda x: float(abs(x) < 1),
    "log_sigmoid": lambda x: 1 / (1 + math.exp(x)),
}
"""From the textbooks, not from the pullbacks."""


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_of_the_activations(name, array, agree):
    op = ops.ACTIVATIONS[name]
    agree(slope(op)(array(POINTS)), [SLOPES[name](x) for x in POINTS], 1e-12)
    agree(slope(op)(array([POINTS])), [[SLOPES[name](x) for x in POINTS]], 1e-12)


def test_value_is_the_op_without_its_pullback(array, agree):
    agree(value(ops.relu)(array(POINTS)), [0, 0, 0.5, 2])
    agree(value(ops.linear)(array([[1.0, 2.0]]), array([[3.0], [4.0]])), [[11]])


def test_options_are_passed_on(array, agree):
    agree(value(ops.leaky_relu)(array([-2.0, 2.0]), alpha=0.25), [-0.5, 2])
    agree(slope(ops.leaky_relu)(array([-2.0, 2.0]), alpha=0.25), [0.25, 1])
    agree(slope(ops.mse)(array([3.0, 1.0]), target=array([1.0, 1.0])), [4, 0])  # one output per sample


def test_an_op_that_changes_the_shape_has_no_slope(array):
    x = array(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match=r"slope: the op takes .*2, 3, 4.* to .*2, 12.* not elementwise"):
        slope(ops.flatten)(x)
    with pytest.raises(ValueError, match="not elementwise"):
        slope(ops.mse)(x, target=x)
