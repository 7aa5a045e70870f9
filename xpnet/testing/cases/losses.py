"""The rows of the losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ...typing import Array
from ..case import Case
from ..draws import Draw, between, labels, normal, probabilities
from . import plain

NUMBERS, LABELS, SHARES = normal("n", 3), labels("n", classes=4), probabilities("n", 4)
LOG_SHARES = Draw(SHARES.shape, lambda rng, shape: np.log(SHARES.sample(rng, shape)))


def _row(
    op: Callable[..., Any],
    formula: Callable[..., Array],
    y: Draw = NUMBERS,
    target: Draw = NUMBERS,
    *,
    kind: str = "",
    **options: Any,
) -> Case:
    name = ", ".join(
        [op.__name__, *([kind] if kind else []), *(f"{key} {value}" for key, value in options.items())]
    )
    return Case(
        name,
        op,
        (y,),
        {"target": target},
        options,
        lambda xp, y, target: formula(xp, y, target),
        per_sample=True,
    )


def _of_errors(op: Callable[..., Any], formula: Callable[..., Array], **options: Any) -> Case:
    """A loss that is a function of y - target, and the mean over a sample's outputs."""
    return _row(op, lambda xp, y, target: plain.rows(xp, formula(xp, y - target)), **options)


def _of_classes(
    op: Callable[..., Any], formula: Callable[..., Array], y: Draw, **options: Any
) -> tuple[Case, Case]:
    """A loss `formula(xp, y, t)` of one class among four, by its number and by probabilities t."""
    return (
        _row(op, lambda xp, y, target: formula(xp, y, plain.one_hot(xp, y, target)), y, LABELS, **options),
        _row(op, formula, y, SHARES, kind="probabilities", **options),
    )


def _of_shares(op: Callable[..., Any], formula: Callable[..., Array], y: Draw, **options: Any) -> Case:
    """A loss of yes-or-no outputs, the targets being probabilities of yes."""
    return _row(
        op, lambda xp, y, t: plain.rows(xp, formula(xp, y, t)), y, between(0.0, 1.0, "n", 3), **options
    )


def _entropy(xp: Any, z: Array, t: Array) -> Array:
    return -xp.sum(t * xp.log(plain.softmax(xp, z)), axis=-1)


def _of_positions(xp: Any, z: Array, target: Array) -> Array:
    counts = xp.astype(target != 2, z.dtype)
    each = _entropy(xp, z, 0.9 * plain.one_hot(xp, z, target) + 0.1 / 4) * counts
    number = xp.sum(counts, axis=1)
    return xp.sum(each, axis=1) / xp.where(number == 0, 1.0, number)


def _focal(xp: Any, z: Array, t: Array) -> Array:
    p = plain.softmax(xp, z)
    return -xp.sum(t * (1 - p) ** 1.5 * xp.log(p), axis=-1)


def _sigmoid_focal(xp: Any, z: Array, t: Array) -> Array:
    p = plain.logistic(xp, z)
    right = p * t + (1 - p) * (1 - t)
    return (0.3 * t + 0.7 * (1 - t)) * (1 - right) ** 1.5 * plain.binary(xp, p, t)


def _gaussian(xp: Any, y: Array, target: Array) -> Array:
    mean, var = y[..., :3], xp.exp(y[..., 3:])
    return plain.rows(xp, 0.5 * (xp.log(2 * math.pi * var) + (mean - target) ** 2 / var))


def _cosine(xp: Any, y: Array, target: Array) -> Array:
    lengths = xp.sqrt(xp.sum(y * y, axis=-1)) * xp.sqrt(xp.sum(target * target, axis=-1))
    return 1 - xp.sum(y * target, axis=-1) / lengths


LOSSES = (
    _of_errors(ops.mse, lambda xp, e: e**2),
    _row(ops.mse, lambda xp, y, target: (y - target) ** 2, normal("n"), normal("n"), kind="vector"),
    _row(
        ops.mae,
        lambda xp, y, target: plain.rows(xp, xp.abs(y - target)),
        normal("n", 3, 2),
        normal("n", 3, 2),
    ),
    _of_errors(
        ops.huber,
        lambda xp, e: xp.where(xp.abs(e) <= 0.7, 0.5 * e**2, 0.7 * (xp.abs(e) - 0.35)),
        delta=0.7,
    ),
    _of_errors(
        ops.smooth_l1,
        lambda xp, e: xp.where(xp.abs(e) <= 0.7, e**2 / 1.4, xp.abs(e) - 0.35),
        beta=0.7,
    ),
    _of_errors(ops.log_cosh, lambda xp, e: xp.log((xp.exp(e) + xp.exp(-e)) / 2)),
    _of_errors(ops.quantile, lambda xp, e: xp.where(e < 0, -0.9 * e, 0.1 * e), q=0.9),
    _of_shares(ops.hinge, lambda xp, y, t: xp.where((2 * t - 1) * y < 1, 1 - (2 * t - 1) * y, 0.0), NUMBERS),
    _of_shares(
        ops.squared_hinge,
        lambda xp, y, t: xp.where((2 * t - 1) * y < 1, 1 - (2 * t - 1) * y, 0.0) ** 2,
        NUMBERS,
    ),
    _row(
        ops.poisson_nll,
        lambda xp, y, t: plain.rows(xp, xp.exp(y) - t * y),
        NUMBERS,
        between(0.0, 5.0, "n", 3),
    ),
    _row(
        ops.poisson_nll,
        lambda xp, y, t: plain.rows(
            xp,
            y
            - t * xp.log(y + 1e-3)
            + xp.where(t > 1, t * xp.log(t) - t + 0.5 * xp.log(2 * math.pi * t), 0.0),
        ),
        between(0.5, 2.0, "n", 3),
        between(0.1, 5.0, "n", 3),
        log_input=False,
        full=True,
        eps=1e-3,
    ),
    _row(ops.gaussian_nll, _gaussian, normal("n", 6), NUMBERS, full=True),
    _row(ops.cosine_distance, _cosine),
    *_of_classes(ops.softmax_cross_entropy, _entropy, normal("n", 4)),
    _row(
        ops.softmax_cross_entropy,
        lambda xp, z, target: _entropy(xp, z, 0.9 * plain.one_hot(xp, z, target) + 0.1 / 4),
        normal("n", 4),
        LABELS,
        label_smoothing=0.1,
    ),
    _row(
        ops.softmax_cross_entropy,
        lambda xp, z, target: _entropy(xp, z, plain.one_hot(xp, z, target)),
        normal("n", 4),
        Draw(("n",), lambda rng, shape: rng.integers(-1, 4, shape)),
        ignore_index=-1,
    ),
    _row(
        ops.softmax_cross_entropy,
        _of_positions,
        normal("n", 3, 4),
        labels("n", 3, classes=4),
        kind="positions",
        label_smoothing=0.1,
        ignore_index=2,
    ),
    *_of_classes(ops.cross_entropy, lambda xp, p, t: -xp.sum(t * xp.log(p), axis=-1), SHARES),
    *_of_classes(ops.nll, lambda xp, log_p, t: -xp.sum(t * log_p, axis=-1), LOG_SHARES),
    _row(
        ops.kl_divergence,
        lambda xp, log_p, t: xp.sum(t * (xp.log(t) - log_p), axis=-1),
        LOG_SHARES,
        SHARES,
    ),
    *_of_classes(ops.softmax_focal, _focal, normal("n", 4), gamma=1.5),
    _of_shares(
        ops.sigmoid_cross_entropy,
        lambda xp, z, t: plain.binary(xp, plain.logistic(xp, z), t),
        normal("n", 3, scale=3.0),
    ),
    _of_shares(
        ops.sigmoid_cross_entropy,
        lambda xp, z, t: plain.binary(xp, plain.logistic(xp, z), 0.8 * t + 0.1),
        NUMBERS,
        label_smoothing=0.2,
    ),
    _of_shares(ops.sigmoid_focal, _sigmoid_focal, NUMBERS, gamma=1.5, alpha=0.3),
    _of_shares(ops.binary_cross_entropy, plain.binary, between(0.1, 0.9, "n", 3)),
)
