"""Batching: the order of the samples is drawn on the host from (seed, epoch), so every backend gets the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..calls import checked
from ..errors import number, plain, shown

_SPLIT = 0x5B117  # keeps the draw of a split apart from the draws of the epochs


def batch_slices(n: int, batch_size: int) -> Iterator[slice]:
    """Consecutive slices of at most `batch_size`; the last may be smaller, and is neither dropped nor padded."""
    for start in range(0, n, batch_size):
        yield slice(start, min(start + batch_size, n))


def count_batches(n: int, batch_size: int) -> int:
    """The number of batches in an epoch of n samples."""
    return math.ceil(n / batch_size)


def shuffled(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """The order of the samples in an epoch, int64."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def normalised(weight: np.ndarray, batch_size: int, *, reduction: str) -> tuple[np.ndarray, np.ndarray]:
    """(w, totals) of samples in batch order: each weight divided by its batch's total, and the totals.

    With reduction "sum" the weights stay as they are, and every total is 1. A batch with only zero weights gets w = 0.
    """
    batch_size = min(batch_size, len(weight))  # a step beyond int64 is refused
    starts = np.arange(0, len(weight), batch_size)
    if reduction == "sum":
        return weight, np.ones(len(starts))
    totals = np.add.reduceat(weight, starts)
    per_sample = np.repeat(np.where(totals > 0, totals, 1.0), batch_size)[: len(weight)]
    return weight / per_sample, totals


def shares(totals: np.ndarray, *, reduction: str) -> np.ndarray:
    """The factor of each batch's loss in the epoch's loss: its share of the total weight, or 1 with "sum"."""
    return totals if reduction == "sum" else totals / totals.sum()


def check_share(share: Any, *, low: float = math.ulp(0.0)) -> float:
    """The share of samples to hold out; ValueError where it is not in (0, 1)."""
    wanted = "is not in (0, 1): it is the share of samples to hold out"
    return number("validation_split", share, wanted, low=low, high=1.0)


@checked
def split(
    n: int, share: float, *, seed: int, strata: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out) sample numbers, each in order: round(share n) samples are held out.

    strata: (n,) the class of each sample. Each class gives its share, to a sample (by largest remainders), and keeps
    one sample at least. ValueError where nothing is held out or kept.
    """
    share = check_share(share)
    rng = np.random.default_rng([seed, _SPLIT])
    groups = (
        [np.arange(n)]
        if strata is None
        else [np.flatnonzero(strata == s) for s in sorted(set(strata.tolist()))]
    )
    shuffled_groups = [rng.permutation(g) for g in groups]
    counts = _apportioned(share, np.array([len(g) for g in groups]), rng)
    held = np.concatenate([g[:count] for g, count in zip(shuffled_groups, counts, strict=True)])
    if not len(held):
        why = (
            f"{share:g} of {n} rounds to 0"
            if strata is None or len(groups) < n
            else "each class has one sample"
        )
        raise ValueError(
            f"validation_split {share!r} of {n} samples holds out none ({why}): give more samples, or "
            "a larger share"
        )
    return np.setdiff1d(np.arange(n), held), np.sort(held)


def _apportioned(share: float, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The number of samples that each group gives: round(share n) in all, by largest remainders, ties by lot."""
    most = sizes - 1
    counts = np.minimum(np.floor(share * sizes).astype("int64"), most)
    rest = round(share * int(sizes.sum())) - int(counts.sum())
    remainders = np.where(counts < most, share * sizes - counts, -1.0)
    for group in np.lexsort((rng.random(len(sizes)), -remainders))[: max(0, rest)]:
        counts[group] += counts[group] < most[group]
    return counts


@checked
def class_weights(given: object, numbers: np.ndarray, labels: tuple[object, ...]) -> np.ndarray:
    """A weight per sample from a weight per class: a dict by label, or "balanced" (n / (classes count))."""
    classes = len(labels)
    if isinstance(given, str) and given == "balanced":
        counts = np.bincount(numbers, minlength=classes)
        per_class = len(numbers) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    elif isinstance(given, dict):
        given = {plain(label): weight for label, weight in given.items()}  # a tensor is found by no key
        strange = [label for label in given if label not in labels]
        if strange:
            raise ValueError(
                f"class_weight names {strange[0]!r}, which is not a class: known are {list(labels)}"
            )
        for label, weight in given.items():
            number(f"class_weight[{label!r}]", weight)
        per_class = np.array([float(given.get(label, 1.0)) for label in labels])
    else:
        raise ValueError(f"class_weight {shown(given)} must be a dict, label: weight, or 'balanced'")
    return per_class[numbers]
