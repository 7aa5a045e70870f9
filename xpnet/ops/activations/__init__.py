"""Activation functions: of each element, or, for the gated ones, of pairs of features."""

from __future__ import annotations

from .celu import celu
from .elu import elu
from .gated import glu, swiglu
from .gelu import gelu
from .hard_sigmoid import hard_sigmoid
from .hard_swish import hard_swish
from .hard_tanh import hard_tanh
from .leaky_relu import leaky_relu
from .log_sigmoid import log_sigmoid
from .mish import mish
from .prelu import prelu
from .relu import relu
from .relu6 import relu6
from .selu import selu
from .sigmoid import sigmoid
from .silu import silu
from .softplus import softplus
from .softsign import softsign
from .tanh import tanh

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "swiglu",
    "tanh",
]


def __dir__() -> list[str]:
    return sorted(__all__)
