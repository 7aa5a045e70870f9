"""Pure functions with their derivatives: `y, pullback = op(x, w)`, then `dx, dw = pullback(dy)`.

Every op is written once in the standard's functions and follows its inputs' library, device and dtype.
`dy` is the cotangent of `y`: the derivative of some scalar by y, of the same shape. The pullback returns the
derivative of that scalar by each positional argument.
"""

from __future__ import annotations

from . import activations
from .activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    swiglu,
    tanh,
)
from .attention import attention
from .conv import conv, conv_transpose
from .dropout import dropout, spatial_dropout
from .elementwise import slope, value
from .embedding import embedding
from .erf import erf
from .linear import linear
from .loss import LOSSES, Loss
from .losses import (
    binary_cross_entropy,
    cosine_distance,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mae,
    mse,
    nll,
    poisson_nll,
    quantile,
    sigmoid_cross_entropy,
    sigmoid_focal,
    smooth_l1,
    softmax_cross_entropy,
    softmax_focal,
    squared_hinge,
)
from .losses.sample import takes
from .norm import batch_norm, group_norm, layer_norm, rms_norm
from .pool import average_pool, global_average_pool, global_max_pool, max_pool
from .positions import position_embedding, positional_encoding
from .random import Key, bits, make_key
from .recurrent import NONLINEARITIES, gru, lstm, rnn
from .shape import concatenate, flatten, permute, reshape
from .softmax import log_softmax, softmax
from .upsample import UPSAMPLE_METHODS, upsample

ACTIVATIONS = {name: getattr(activations, name) for name in activations.__all__ if name != "prelu"} | {
    op.__name__: op for op in (softmax, log_softmax)
}
"""The ops that can be named as an activation: those of one array."""

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "NONLINEARITIES",
    "UPSAMPLE_METHODS",
    "Key",
    "Loss",
    "attention",
    "average_pool",
    "batch_norm",
    "binary_cross_entropy",
    "bits",
    "celu",
    "concatenate",
    "conv",
    "conv_transpose",
    "cosine_distance",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "erf",
    "flatten",
    "gaussian_nll",
    "gelu",
    "global_average_pool",
    "global_max_pool",
    "glu",
    "group_norm",
    "gru",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "hinge",
    "huber",
    "kl_divergence",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_cosh",
    "log_sigmoid",
    "log_softmax",
    "lstm",
    "mae",
    "make_key",
    "max_pool",
    "mish",
    "mse",
    "nll",
    "permute",
    "poisson_nll",
    "position_embedding",
    "positional_encoding",
    "prelu",
    "quantile",
    "relu",
    "relu6",
    "reshape",
    "rms_norm",
    "rnn",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sigmoid_focal",
    "silu",
    "slope",
    "smooth_l1",
    "softmax",
    "softmax_cross_entropy",
    "softmax_focal",
    "softplus",
    "softsign",
    "spatial_dropout",
    "squared_hinge",
    "swiglu",
    "takes",
    "tanh",
    "upsample",
    "value",
]


def __dir__() -> list[str]:
    return sorted(__all__)
