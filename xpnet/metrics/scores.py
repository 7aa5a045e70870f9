"""Metrics of scores and probabilities: top-k accuracy, the area under the ROC curve, log loss."""

from __future__ import annotations

from typing import Any

from ..calls import checked
from ..errors import LabelError, choose
from ..namespace import device
from ..typing import Array, Namespace
from .inputs import flat, mean, ratio, together


@checked
def top_k_accuracy(y_true: Any, y_score: Any, *, k: int = 2, sample_weight: Any = None) -> float:
    """The share of samples whose class is among the k of the highest scores; of equal scores the later class's counts.

    y_true (n,) int in [0, classes), y_score (n, classes).
    """
    if not isinstance(k, int) or k < 1:
        raise ValueError(f"k {k!r} must be an integer, 1 or more")
    xp, true, score, w = _scored(y_true, y_score, sample_weight)
    classes = xp.arange(score.shape[1], dtype=true.dtype, device=device(true))[None, :]
    own = xp.sum(xp.where(classes == true[:, None], score, xp.zeros_like(score)), axis=1)[:, None]
    before = xp.logical_or(score > own, xp.logical_and(score == own, classes > true[:, None]))
    rank = xp.sum(xp.astype(before, w.dtype), axis=1)
    return float(mean(xp, xp.astype(rank < k, w.dtype), w))


@checked
def roc_auc(y_true: Any, y_score: Any, *, average: str = "macro", sample_weight: Any = None) -> float:
    """The area under the ROC curve: how likely a sample of the class scores above one of another; a tie is a half.

    y_true (n,) of 0 and 1 with y_score (n,); NaN where y_true lacks one of the two. Or y_true (n,) int in [0, classes)
    with y_score (n, classes): each class against the rest, averaged as "macro", or by number of samples, "weighted".
    """
    choose("average", average, ("macro", "weighted"))
    xp, true, score, w = _scored(y_true, y_score, sample_weight, binary=True)
    if score.ndim == 1:
        return float(_area(xp, xp.astype(true == 1, w.dtype), score, w))
    there = [bool(xp.any(true == label)) for label in range(score.shape[1])]
    if not all(there):
        raise LabelError(
            f"y_true holds no sample of class {there.index(False)}, which y_score has a column for"
        )
    hits = [xp.astype(true == label, w.dtype) for label in range(score.shape[1])]
    # copies: PyTorch warns of a search with a column of a matrix
    columns = [xp.asarray(score[:, label], copy=True) for label in range(score.shape[1])]
    areas = xp.stack([_area(xp, hit, column, w) for hit, column in zip(hits, columns, strict=True)])
    sizes = xp.stack([xp.sum(w * hit) for hit in hits])
    return float(mean(xp, areas, sizes if average == "weighted" else xp.ones_like(areas)))


@checked
def log_loss(y_true: Any, y_proba: Any, *, sample_weight: Any = None) -> float:
    """The mean of -log of the probability given to the true class, probabilities being kept eps away from 0 and 1.

    y_true (n,) int in [0, classes), y_proba (n, classes), rows summing to 1; or y_true of 0 and 1, y_proba (n,).
    eps is that of y_proba's dtype.
    """
    xp, true, p, w = _scored(y_true, y_proba, sample_weight, binary=True, name="y_proba")
    if bool(xp.any(xp.logical_or(p < 0, p > 1))):
        raise ValueError("y_proba must hold probabilities in [0, 1]: use model.predict_proba")
    p = xp.stack([1.0 - p, p], axis=1) if p.ndim == 1 else p
    if bool(xp.any(xp.abs(xp.sum(p, axis=1) - 1.0) > 1e-3)):
        raise ValueError("y_proba must have rows that sum to 1: use model.predict_proba")
    classes = xp.arange(p.shape[1], dtype=true.dtype, device=device(true))[None, :]
    own = xp.sum(xp.where(classes == true[:, None], p, xp.zeros_like(p)), axis=1)
    eps = float(xp.finfo(p.dtype).eps)
    return float(mean(xp, -xp.log(xp.astype(xp.clip(own, eps, 1.0 - eps), w.dtype)), w))


def _scored(
    y_true: Any, y_score: Any, sample_weight: Any, *, binary: bool = False, name: str = "y_score"
) -> tuple[Namespace, Array, Array, Array]:
    """(namespace, class numbers (n,), scores, weights); LabelError for a class without a column."""
    xp, (true, score), w = together({"y_true": y_true, name: y_score}, sample_weight, labels=("y_true",))
    true = flat(xp, "y_true", true)
    if score.ndim != 2 and not (binary and score.ndim == 1):
        raise ValueError(f"{name} {tuple(score.shape)} must be (n, classes){' or (n,)' if binary else ''}")
    score = score if xp.isdtype(score.dtype, "real floating") else xp.astype(score, w.dtype)
    classes = score.shape[1] if score.ndim == 2 else 2
    if not xp.isdtype(true.dtype, "integral") or bool(xp.any(xp.logical_or(true < 0, true >= classes))):
        raise LabelError(f"y_true must hold the classes 0 to {classes - 1}, for which {name} has scores")
    return xp, true, score, w


def _area(xp: Namespace, hit: Array, score: Array, w: Array) -> Array:
    """The share of pairs (in the class, outside it) ranked in the right order, by weight; NaN without such a pair."""
    yes, no = w * hit, w * (1.0 - hit)
    order = xp.argsort(score)
    ranked, below = xp.take(score, order), xp.cumulative_sum(xp.take(no, order), include_initial=True)
    under = xp.take(below, xp.searchsorted(ranked, score, side="left"))
    up_to = xp.take(below, xp.searchsorted(ranked, score, side="right"))
    right, pairs = 0.5 * xp.sum(yes * (under + up_to)), xp.sum(yes) * xp.sum(no)
    return ratio(xp, right, pairs) if bool(pairs > 0) else pairs * float("nan")
