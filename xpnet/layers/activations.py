"""The activation functions as layers."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from .. import ops
from .base import Stateless, require_between


class ReLU(Stateless):
    """max(x, 0); see `ops.relu`."""

    op = staticmethod(ops.relu)


@dataclass(frozen=True)
class LeakyReLU(Stateless):
    """x, or alpha x where x is negative; see `ops.leaky_relu`."""

    alpha: float = 0.01

    op = staticmethod(ops.leaky_relu)

    def __post_init__(self) -> None:
        super().__post_init__()
        _finite("LeakyReLU", self.alpha)


@dataclass(frozen=True)
class ELU(Stateless):
    """x, or alpha (exp(x) - 1) where x is negative; see `ops.elu`."""

    alpha: float = 1.0

    op = staticmethod(ops.elu)

    def __post_init__(self) -> None:
        super().__post_init__()
        _finite("ELU", self.alpha)


class Sigmoid(Stateless):
    """1 / (1 + exp(-x)); see `ops.sigmoid`."""

    op = staticmethod(ops.sigmoid)


class Tanh(Stateless):
    """tanh(x); see `ops.tanh`."""

    op = staticmethod(ops.tanh)


class Softmax(Stateless):
    """Softmax over the last axis; see `ops.softmax`."""

    op = staticmethod(ops.softmax)


class LogSoftmax(Stateless):
    """Logarithm of softmax over the last axis; see `ops.log_softmax`."""

    op = staticmethod(ops.log_softmax)


def _finite(layer: str, alpha: float) -> None:
    require_between(layer, "alpha", alpha, -sys.float_info.max, math.inf, "must be a finite number")
