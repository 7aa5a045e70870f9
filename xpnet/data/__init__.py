"""Data: data sets that come with xpnet, tables, checks of users' arrays, targets, batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .batching import (
    batch_slices,
    check_share,
    class_weights,
    count_batches,
    normalised,
    shares,
    shuffled,
    split,
)
from .checks import (
    as_array,
    check_finite,
    check_ids,
    check_inputs,
    check_numbers,
    check_outputs,
    check_weights,
)
from .datasets import (
    CLOTHING_FITS,
    CLOTHING_SIZES,
    DATASETS,
    FASHION_MNIST_LABELS,
    IRIS_LABELS,
    Dataset,
    clothing,
    digits,
    fashion_mnist,
    idx_folder,
    iris,
)
from .feature_names import check_column_names, column_names
from .idx import read_idx
from .npz import read_npz
from .targets import Targets

if TYPE_CHECKING:
    from .tables import Columns, Target, read_csv

_TABLES = ("Columns", "Target", "read_csv")


def __getattr__(name: str) -> Any:
    if name in _TABLES:  # loaded at their first use: no training on arrays needs them
        from . import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CLOTHING_FITS",
    "CLOTHING_SIZES",
    "DATASETS",
    "FASHION_MNIST_LABELS",
    "IRIS_LABELS",
    "Columns",
    "Dataset",
    "Target",
    "Targets",
    "as_array",
    "batch_slices",
    "check_column_names",
    "check_finite",
    "check_ids",
    "check_inputs",
    "check_numbers",
    "check_outputs",
    "check_share",
    "check_weights",
    "class_weights",
    "clothing",
    "column_names",
    "count_batches",
    "digits",
    "fashion_mnist",
    "idx_folder",
    "iris",
    "normalised",
    "read_csv",
    "read_idx",
    "read_npz",
    "shares",
    "shuffled",
    "split",
]


def __dir__() -> list[str]:
    return sorted(__all__)
