"""Data: sets that come with xpnet, checks of what users give, targets, batches."""

from __future__ import annotations

from .batching import batch_slices, class_weights, count_batches, normalised, shuffled, split
from .checks import as_array, check_finite, check_inputs, check_numbers, check_probabilities, check_weights
from .datasets import DATASETS, FASHION_MNIST_LABELS, Dataset, digits, fashion_mnist, idx_folder
from .idx import read_idx
from .targets import KINDS, Targets

__all__ = [
    "DATASETS",
    "FASHION_MNIST_LABELS",
    "KINDS",
    "Dataset",
    "Targets",
    "as_array",
    "batch_slices",
    "check_finite",
    "check_inputs",
    "check_numbers",
    "check_probabilities",
    "check_weights",
    "class_weights",
    "count_batches",
    "digits",
    "fashion_mnist",
    "idx_folder",
    "normalised",
    "read_idx",
    "shuffled",
    "split",
]
