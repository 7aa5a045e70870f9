"""Layers: frozen descriptions with names, shapes and initialisers, each calling one op."""

from __future__ import annotations

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
    PReLU,
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
from .base import Activation, Layer, Stateless, is_layer
from .containers import Concatenate, Container, Residual, Sequential
from .context import Context, Pass
from .dense import Dense
from .names import flatten, nest
from .regular import BatchNorm, Dropout, Flatten
from .summary import summary

LAYERS = {
    cls.__name__: cls
    for cls in (
        Activation,
        BatchNorm,
        CELU,
        Concatenate,
        Dense,
        Dropout,
        ELU,
        Flatten,
        GELU,
        GLU,
        HardSigmoid,
        HardSwish,
        HardTanh,
        LeakyReLU,
        LogSigmoid,
        LogSoftmax,
        Mish,
        PReLU,
        ReLU,
        ReLU6,
        Residual,
        SELU,
        Sequential,
        Sigmoid,
        SiLU,
        Softmax,
        Softplus,
        Softsign,
        SwiGLU,
        Tanh,
    )
}

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "LAYERS",
    "SELU",
    "Activation",
    "BatchNorm",
    "Concatenate",
    "Container",
    "Context",
    "Dense",
    "Dropout",
    "Flatten",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Layer",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "Pass",
    "ReLU",
    "ReLU6",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Stateless",
    "SwiGLU",
    "Tanh",
    "flatten",
    "is_layer",
    "nest",
    "summary",
]
