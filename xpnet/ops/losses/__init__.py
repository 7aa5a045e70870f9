"""Losses: ops of the network's outputs that give one value per sample."""

from __future__ import annotations

from .binary_cross_entropy import binary_cross_entropy
from .cross_entropy import cross_entropy
from .huber import huber
from .mae import mae
from .mse import mse
from .sigmoid_cross_entropy import sigmoid_cross_entropy
from .softmax_cross_entropy import softmax_cross_entropy

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "huber",
    "mae",
    "mse",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]
