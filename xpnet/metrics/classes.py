"""Metrics of predicted labels: accuracy, the confusion matrix, precision, recall and f1."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calls import checked
from ..errors import choose
from ..namespace import device
from ..typing import Array, Namespace
from .inputs import at_home, integers, labelled, mean, ratio, weighed


@checked
def accuracy(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """The share of samples whose predicted label is the true one."""
    xp, (true, predicted), w = labelled(y_true, y_pred, sample_weight)
    return float(mean(xp, xp.astype(true == predicted, w.dtype), w))


@checked
def confusion_matrix(
    y_true: Any, y_pred: Any, *, labels: Any = None, sample_weight: Any = None, normalize: str | None = None
) -> Array:
    """Counts, or summed weights, of samples by true label (row) and predicted label (column).

    labels: the order of the rows and columns, by default all labels that occur, sorted; samples with other labels do
    not count. normalize: "true", "pred" or "all" divides by the sum of the row, of the column or of all.
    """
    if normalize is not None:
        choose("normalize", normalize, ("true", "pred", "all"))
    xp, (true, predicted), w = labelled(y_true, y_pred, sample_weight)
    known = _known(xp, labels, true, predicted)
    found = xp.matrix_transpose(_is(xp, true, known, w)) @ (w[:, None] * _is(xp, predicted, known, w))
    if normalize is None:
        return integers(xp, found) if sample_weight is None else found
    if normalize == "all":
        return ratio(xp, found, xp.sum(found))
    return ratio(xp, found, xp.sum(found, axis=1 if normalize == "true" else 0, keepdims=True))


@checked
def precision(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "binary",
    pos_label: Any = 1,
    labels: Any = None,
    sample_weight: Any = None,
) -> Any:
    """Of the samples predicted to be of a class, the share that is: tp / (tp + fp).

    average: "binary" scores `pos_label` alone, and needs two labels; "macro" is the mean over the labels; "weighted"
    weighs each label by its number of samples; "micro" counts over all labels; None returns each label's value.
    labels: the labels to score, by default all that occur, sorted.
    """
    xp, hits, predicted, true = _counts(y_true, y_pred, average, pos_label, labels, sample_weight)
    return _averaged(xp, hits, predicted, true, average)


@checked
def recall(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "binary",
    pos_label: Any = 1,
    labels: Any = None,
    sample_weight: Any = None,
) -> Any:
    """Of the samples of a class, the share predicted to be of it: tp / (tp + fn); options as `precision`."""
    xp, hits, _, true = _counts(y_true, y_pred, average, pos_label, labels, sample_weight)
    return _averaged(xp, hits, true, true, average)


@checked
def f1(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "binary",
    pos_label: Any = 1,
    labels: Any = None,
    sample_weight: Any = None,
) -> Any:
    """The harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn); options as `precision`."""
    xp, hits, predicted, true = _counts(y_true, y_pred, average, pos_label, labels, sample_weight)
    return _averaged(xp, 2.0 * hits, predicted + true, true, average)


def _known(xp: Namespace, labels: Any, *arrays: Array) -> Array:
    """The labels to score; ValueError for an empty list."""
    if labels is None:
        return xp.sort(xp.unique_values(xp.concat(arrays)))  # the standard leaves unique_values unsorted
    known = at_home(xp, labels, device(arrays[0]))
    if known.ndim != 1 or not known.shape[0]:
        raise ValueError(f"labels {labels!r} must be a list of labels, such as [0, 1, 2]")
    return known


def _is(xp: Namespace, y: Array, known: Array, w: Array) -> Array:
    """Indicator matrix (n, labels): 1 where a sample has the label."""
    return xp.astype(y[:, None] == known[None, :], w.dtype)


def _counts(
    y_true: Any, y_pred: Any, average: str | None, pos_label: Any, labels: Any, sample_weight: Any
) -> tuple[Namespace, Array, Array, Array]:
    """(namespace, weight of the true positives, of the predicted, of the true samples), each (labels,)."""
    if average is not None:
        choose("average", average, ("binary", "macro", "micro", "weighted"))
    xp, (true, predicted), w = labelled(y_true, y_pred, sample_weight)
    known = _known(xp, labels, true, predicted)
    if average == "binary":
        there = _known(xp, None, true, predicted)
        if there.shape[0] > 2:
            raise ValueError(
                f"average 'binary' needs two labels, there are {there.shape[0]}: use 'macro', 'micro' or 'weighted'"
            )
        known = at_home(xp, np.asarray([pos_label]), device(true))
        if there.shape[0] == 2 and not bool(xp.any(there == known)):
            raise ValueError(
                f"pos_label {pos_label!r} is none of the labels: name the one that counts as positive"
            )
    hit, guess = _is(xp, true, known, w), _is(xp, predicted, known, w)
    return xp, weighed(xp, hit * guess, w), weighed(xp, guess, w), weighed(xp, hit, w)


def _averaged(xp: Namespace, above: Array, below: Array, true: Array, average: str | None) -> Any:
    if average == "micro":
        above, below = xp.sum(above, keepdims=True), xp.sum(below, keepdims=True)
    each = ratio(xp, above, below)
    if average is None:
        return each
    return float(mean(xp, each, true) if average == "weighted" else xp.mean(each))
