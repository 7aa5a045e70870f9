"""Losses: ops of the network's outputs that give one value per sample."""

from __future__ import annotations

from .binary_cross_entropy import binary_cross_entropy
from .cosine_distance import cosine_distance
from .cross_entropy import cross_entropy
from .focal import sigmoid_focal, softmax_focal
from .gaussian_nll import gaussian_nll
from .hinge import hinge, squared_hinge
from .huber import huber
from .log_cosh import log_cosh
from .mae import mae
from .mse import mse
from .nll import kl_divergence, nll
from .poisson_nll import poisson_nll
from .quantile import quantile
from .sigmoid_cross_entropy import sigmoid_cross_entropy
from .smooth_l1 import smooth_l1
from .softmax_cross_entropy import softmax_cross_entropy

__all__ = [
    "binary_cross_entropy",
    "cosine_distance",
    "cross_entropy",
    "gaussian_nll",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mse",
    "nll",
    "poisson_nll",
    "quantile",
    "sigmoid_cross_entropy",
    "sigmoid_focal",
    "smooth_l1",
    "softmax_cross_entropy",
    "softmax_focal",
    "squared_hinge",
]


def __dir__() -> list[str]:
    return sorted(__all__)
