"""The batches of a training: which samples, in which order, with which weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import count_batches, normalised, shuffled
from ..typing import Batch
from .feed import Data


@dataclass
class Batches:
    """Samples cut into batches, in an order of its own for each epoch, drawn on the host from the seed."""

    data: Data
    size: int
    reduction: str
    dtype: str
    seed: int

    def __post_init__(self) -> None:
        self.samples: Batch = {"x": self.data.x, "y": self.data.y}
        weight = self.data.weight
        even = self.size >= len(weight) or bool((weight == weight[0]).all())
        self._always = self._normalised(weight) if even else None  # whatever the order

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return count_batches(len(self.data), self.size)

    def epoch(self, number: int) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """(order, w, share) of an epoch: the samples' order, None for a single batch, whose order does not matter;
        their weights in that order; and each batch's share of all the weight.
        """
        n = len(self.data)
        order = None if self.size >= n else shuffled(n, seed=self.seed, epoch=number)
        return order, *(self._always or self._normalised(self.data.weight[order]))

    def _normalised(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, shares = normalised(weight, self.size, reduction=self.reduction)
        return np.array(w, dtype=self.dtype), shares  # a copy: a library may keep the memory it is given
