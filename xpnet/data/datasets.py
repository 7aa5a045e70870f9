"""Data sets that come with xpnet."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from .batching import split


class Dataset(NamedTuple):
    """A training and a held-out part: inputs (n, ...) and targets (n,) as NumPy arrays."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits() -> Dataset:
    """UCI handwritten digits: 1797 images of 8 x 8 pixels as rows of 64 numbers in [0, 1], labels 0 to 9.

    The held-out part is a fixed fifth of every label, 359 images. Source: Alpaydin, Kaynak, 1998, UCI Machine
    Learning Repository, doi 10.24432/C50P49, CC BY 4.0.
    """
    path = os.path.join(os.path.dirname(__file__), "digits.npz")
    with np.load(path, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    x = images.reshape(len(images), -1).astype("float32") / 16
    y = labels.astype("int64")
    train, test = split(len(y), 0.2, seed=0, strata=y)
    return Dataset(x[train], y[train], x[test], y[test])


DATASETS = {"digits": digits}
