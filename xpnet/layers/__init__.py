"""Layers: frozen descriptions with names, shapes and initialisers, each calling one op."""

from __future__ import annotations

from .activations import ELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .base import Layer, Stateless, is_layer
from .containers import Concatenate, Container, Residual, Sequential
from .context import Context, Pass
from .dense import Dense
from .names import flatten, nest
from .regular import BatchNorm, Dropout, Flatten
from .summary import summary

LAYERS = {
    cls.__name__: cls
    for cls in (
        BatchNorm,
        Concatenate,
        Dense,
        Dropout,
        ELU,
        Flatten,
        LeakyReLU,
        LogSoftmax,
        ReLU,
        Residual,
        Sequential,
        Sigmoid,
        Softmax,
        Tanh,
    )
}

__all__ = [
    "ELU",
    "LAYERS",
    "BatchNorm",
    "Concatenate",
    "Container",
    "Context",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "LogSoftmax",
    "Pass",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Stateless",
    "Tanh",
    "flatten",
    "is_layer",
    "nest",
    "summary",
]
