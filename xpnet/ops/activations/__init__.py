"""Elementwise activation functions."""

from __future__ import annotations

from .elu import elu
from .leaky_relu import leaky_relu
from .relu import relu
from .sigmoid import sigmoid
from .tanh import tanh

__all__ = ["elu", "leaky_relu", "relu", "sigmoid", "tanh"]
