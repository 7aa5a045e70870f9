"""Activations and their slopes to 50 digits, written from their definitions, and how far an op is from them."""

import math
from functools import cache

import numpy as np
import pytest

mp = pytest.importorskip(
    "mpmath", reason="mpmath, which computes the values to 50 digits, is not installed: pip install '.[test]'"
).mp.clone()
mp.dps = 50

ALPHA = mp.mpf("1.6732632423543772848170429916717")
SCALE = mp.mpf("1.0507009873554804934193349852946")


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def normal(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def gelu_by_tanh(x, slope=False):
    u = mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)
    p = sigmoid(2 * u)
    if not slope:
        return x * p
    return p + x * 2 * p * sigmoid(-2 * u) * mp.sqrt(2 / mp.pi) * (1 + mp.mpf("0.134145") * x**2)


def mish_slope(x):
    t = mp.tanh(mp.log1p(mp.exp(x)))
    return t + x * mp.sech(mp.log1p(mp.exp(x))) ** 2 * sigmoid(x)


FUNCTIONS = {
    "celu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: 1 if x > 0 else mp.exp(x)),
    "elu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: 1 if x > 0 else mp.exp(x)),
    "gelu": (
        lambda x: x * normal(x),
        lambda x: normal(x) + x * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    ),
    "gelu by tanh": (gelu_by_tanh, lambda x: gelu_by_tanh(x, slope=True)),
    "hard_sigmoid": (
        lambda x: min(max(x + 3, 0), 6) / mp.mpf(6),
        lambda x: mp.mpf(1) / 6 if -3 < x < 3 else 0,
    ),
    "hard_swish": (
        lambda x: x * min(max(x + 3, 0), 6) / 6,
        lambda x: 0 if x <= -3 else 1 if x >= 3 else x / 3 + mp.mpf(1) / 2,
    ),
    "hard_tanh": (lambda x: min(max(x, -1), 1), lambda x: int(-1 < x < 1)),
    "leaky_relu": (lambda x: x if x > 0 else x / 100, lambda x: 1 if x > 0 else mp.mpf(1) / 100),
    "log_sigmoid": (lambda x: -mp.log1p(mp.exp(-x)), lambda x: sigmoid(-x)),
    "mish": (lambda x: x * mp.tanh(mp.log1p(mp.exp(x))), mish_slope),
    "relu": (lambda x: max(x, 0), lambda x: int(x > 0)),
    "relu6": (lambda x: min(max(x, 0), 6), lambda x: int(0 < x < 6)),
    "selu": (
        lambda x: SCALE * (x if x > 0 else ALPHA * mp.expm1(x)),
        lambda x: SCALE * (1 if x > 0 else ALPHA * mp.exp(x)),
    ),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "softplus": (lambda x: x if x > 20 else mp.log1p(mp.exp(x)), lambda x: 1 if x > 20 else sigmoid(x)),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
}

TERMS = {
    "gelu": lambda x: normal(x) + abs(x) * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    "silu": lambda x: sigmoid(x) * (1 + abs(x) * sigmoid(-x)),
    "tanh": lambda x: mp.mpf(1),
}
"""The magnitudes of the terms of a slope that is a sum: the error is relative to them."""
EXPONENTS = {
    "gelu": lambda x: x * x / 2,
    "gelu by tanh": lambda x: 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3),
}
"""The exponents a of exp(-a) in functions that round a and its factor: together by 1.5 units, which the result has a
times."""

STEPS = (1.0, 1.3, 2.1, 3.7, 5.9, 8.3)
POINTS = [sign * step * 10.0**power for power in range(-30, 31) for step in STEPS[:: 1 if -2 < power < 3 else 6]
          for sign in (-1.0, 1.0)]  # fmt: skip


@cache
def wanted(name, dtype):
    """(points, values, slopes, terms) of a function at points of `dtype`, to 50 digits."""
    points = np.array(POINTS, dtype)
    columns = *FUNCTIONS[name], TERMS.get(name, FUNCTIONS[name][1])
    return points, *([mp.mpf(column(mp.mpf(float(x)))) for x in points] for column in columns)


def errors(found, exact, terms, dtype):
    """Errors in units of the last place of the terms; below the smallest normal number, in units of that number.

    0 for an infinity in the place of a number beyond the largest.
    """
    info, units = np.finfo(dtype), []
    for y, want, term in zip(np.asarray(found, "float64"), exact, terms, strict=True):
        if abs(want) > float(info.max):
            units.append(0.0 if y == math.copysign(math.inf, want) else math.inf)
            continue
        unit = max(abs(term) * float(info.eps), float(info.tiny))
        units.append(float(abs(mp.mpf(float(y)) - want) / unit) if math.isfinite(y) else math.inf)
    return np.array(units)
