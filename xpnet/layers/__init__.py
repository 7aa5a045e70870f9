"""Layers: frozen descriptions with names, shapes and initialisers, each calling one op."""

from __future__ import annotations

from ..calls import checked_constructor
from ..tree import flatten, nest
from .activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    SwiGLU,
    Tanh,
)
from .attention import MultiHeadAttention
from .base import Activation, Layer, Stateless, is_layer
from .containers import Concatenate, Container, Repeat, Residual, Sequential
from .context import Context, Pass
from .conv import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D
from .dense import Dense
from .dropout import Dropout, SpatialDropout
from .embedding import Embedding
from .norm import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from .pool import (
    AveragePool1D,
    AveragePool2D,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
)
from .positions import PositionalEncoding, PositionEmbedding
from .prelu import PReLU
from .recurrent import GRU, LSTM, RNN, Masking
from .shape import Flatten, Permute, Reshape, Upsample
from .summary import summary
from .transformer import TransformerBlock
from .work import Work, sample_work

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LAYERS",
    "LSTM",
    "RNN",
    "SELU",
    "Activation",
    "AveragePool1D",
    "AveragePool2D",
    "BatchNorm",
    "Concatenate",
    "Container",
    "Context",
    "Conv1D",
    "Conv2D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "Mish",
    "MultiHeadAttention",
    "PReLU",
    "Pass",
    "Permute",
    "PositionEmbedding",
    "PositionalEncoding",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Repeat",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpatialDropout",
    "Stateless",
    "SwiGLU",
    "Tanh",
    "TransformerBlock",
    "Upsample",
    "Work",
    "flatten",
    "is_layer",
    "nest",
    "sample_work",
    "summary",
]


def __dir__() -> list[str]:
    return sorted(__all__)


LAYERS = {
    name: found
    for name in sorted(__all__)
    if isinstance(found := globals().get(name), type)
    and issubclass(found, Layer)
    and found not in (Layer, Container, Stateless)
}
"""The layers that a model file may name, and that `xpnet` exports."""
for _layer in LAYERS.values():
    checked_constructor(_layer)
