"""Pure functions with their derivatives: `y, pullback = op(x, w)`, then `dx, dw = pullback(dy)`.

Every op is written once in the standard's functions and follows its inputs' library, device and dtype.
`dy` is the cotangent of `y`: the derivative of some scalar by y, of the same shape. The pullback gives the
derivative of that scalar by each positional argument.
"""

from __future__ import annotations

from . import activations, losses
from .activations import elu, leaky_relu, relu, sigmoid, tanh
from .dropout import dropout
from .elementwise import slope, value
from .linear import linear
from .losses import (
    binary_cross_entropy,
    cross_entropy,
    huber,
    mae,
    mse,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from .norm import batch_norm
from .random import Key, bits, make_key
from .shape import concatenate, flatten
from .softmax import log_softmax, softmax

ACTIVATIONS = {name: getattr(activations, name) for name in activations.__all__} | {
    op.__name__: op for op in (softmax, log_softmax)
}
LOSSES = {name: getattr(losses, name) for name in losses.__all__}

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "Key",
    "batch_norm",
    "binary_cross_entropy",
    "bits",
    "concatenate",
    "cross_entropy",
    "dropout",
    "elu",
    "flatten",
    "huber",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mae",
    "make_key",
    "mse",
    "relu",
    "sigmoid",
    "sigmoid_cross_entropy",
    "slope",
    "softmax",
    "softmax_cross_entropy",
    "tanh",
    "value",
]
