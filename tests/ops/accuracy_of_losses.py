"""Losses of one output and their slopes to 50 digits, written from their definitions.

A row is (target, value, slope, terms of the value, terms of the slope), functions of the output z and the target t. The
error of a sum is relative to the magnitudes of its terms; where none are given, to the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .accuracy import mp, sigmoid


class Row(NamedTuple):
    target: float
    value: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]
    value_terms: Callable[[Any, Any], Any] | None = None
    slope_terms: Callable[[Any, Any], Any] | None = None
    options: Mapping[str, Any] = MappingProxyType({})


PROBABILITIES = [*(10.0**-n for n in range(1, 31)), *(1 - 10.0**-n for n in range(1, 7)), 0.3, 0.5, 0.7]
"""Those closer to 1 are 1 in float32, where the guard takes over."""


def wanted(row, x):
    """((values, their terms), (slopes, their terms)) of a row at points x, to 50 digits."""
    numbers, t = [mp.mpf(float(z)) for z in x], mp.mpf(row.target)
    pairs = (row.value, row.value_terms or row.value), (row.slope, row.slope_terms or row.slope)
    return tuple(tuple([mp.mpf(f(z, t)) for z in numbers] for f in pair) for pair in pairs)


def softplus(z):
    return mp.log1p(mp.exp(z)) if z < 0 else z + mp.log1p(mp.exp(-z))


def sign(z):
    return (z > 0) - (z < 0)


def mixed(z, t):
    return sigmoid(z) * (1 - t) + sigmoid(-z) * t


def cross_entropy(z, t):
    return softplus(-z) if t == 1 else softplus(z) - t * z


def focal(z, t):
    return (t / 4 + (1 - t) * 3 / 4) * mixed(z, t) ** 2 * cross_entropy(z, t)


def focal_slope(z, t):
    m, h = mixed(z, t), cross_entropy(z, t)
    scale = (t / 4 + (1 - t) * 3 / 4) * m**2
    return scale * (
        sigmoid(z) * (1 - t) - sigmoid(-z) * t - 2 * h * (2 * t - 1) * sigmoid(z) * sigmoid(-z) / m
    )


def log_cosh(e):
    return -mp.log1p(-(mp.tanh(e) ** 2)) / 2 if abs(e) < 1 else softplus(2 * abs(e)) - abs(e) - mp.log(2)


def huber(e, d):
    return e * e / (2 * d) if abs(e) <= d else abs(e) - d / 2


def clip(e):
    return max(-1, min(1, e))


REGRESSIONS = {
    "mse": (lambda z, t: (z - t) ** 2, lambda z, t: 2 * (z - t), {}),
    "mae": (lambda z, t: abs(z - t), lambda z, t: sign(z - t), {}),
    "huber": (lambda z, t: huber(z - t, mp.mpf(1)), lambda z, t: clip(z - t), {}),
    "smooth_l1": (lambda z, t: huber(z - t, mp.mpf(1) / 2), lambda z, t: clip(2 * (z - t)), {"beta": 0.5}),
    "log_cosh": (lambda z, t: log_cosh(z - t), lambda z, t: mp.tanh(z - t), {}),
    "quantile": (
        lambda z, t: (t - z) / 4 if t > z else (z - t) * 3 / 4,
        lambda z, t: -mp.mpf(1) / 4 if t > z else mp.mpf(3) / 4 if t < z else 0,
        {"q": 0.25},
    ),
}
ROWS = [
    *(
        (name, Row(target, value, slope, options=options))
        for name, (value, slope, options) in REGRESSIONS.items()
        for target in (0.0, 1.0, -1e6)
    ),
    *(
        ("sigmoid_cross_entropy", Row(
            t,
            cross_entropy,
            lambda z, t: sigmoid(z) * (1 - t) - sigmoid(-z) * t,
            None,
            lambda z, t: mixed(z, t),
        ))
        for t in (0.0, 1.0, 0.25)
    ),
    *(("sigmoid_focal", Row(t, focal, focal_slope)) for t in (0.0, 1.0)),
    *(
        ("hinge", Row(
            t, lambda z, t: max(0, 1 - (2 * t - 1) * z), lambda z, t: -(2 * t - 1) if (2 * t - 1) * z < 1 else 0
        ))
        for t in (0.0, 1.0)
    ),
    *(
        ("squared_hinge", Row(
            t,
            lambda z, t: max(0, 1 - (2 * t - 1) * z) ** 2,
            lambda z, t: -2 * (2 * t - 1) * max(0, 1 - (2 * t - 1) * z),
        ))
        for t in (0.0, 1.0)
    ),
    ("poisson_nll", Row(
        2.0,
        lambda z, t: mp.exp(z) - t * z,
        lambda z, t: mp.exp(z) - t,
        lambda z, t: mp.exp(z) + t * abs(z),
        lambda z, t: mp.exp(z) + t,
    )),
    *(
        ("binary_cross_entropy", Row(
            t,
            lambda p, t: -t * mp.log(p) - (1 - t) * mp.log(1 - p),
            lambda p, t: (1 - t) / (1 - p) - t / p,
            None,
            lambda p, t: (1 - t) / (1 - p) + t / p,
        ))
        for t in (0.0, 1.0, 0.25)
    ),
]  # fmt: skip
