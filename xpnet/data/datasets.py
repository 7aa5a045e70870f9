"""Data sets that come with xpnet, and data sets in files of MNIST's format."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

import numpy as np

from ..calls import checked
from ..errors import file_path
from .batching import split
from .idx import read_idx

FASHION_MNIST_LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IRIS_LABELS = ("setosa", "versicolor", "virginica")
CLOTHING_SIZES = (0.8, 1.1, 1.7, 1.9, 2.7, 3.2, 3.7, 4.0, 5.0, 5.5, 6.0, 6.3)
CLOTHING_FITS = (0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0)

_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_DEBIAN = "/usr/share/datasets/fashion-mnist"

Folder = str | os.PathLike[str]


class Dataset(NamedTuple):
    """A training and a held-out part: inputs (n, ...) and targets (n,) as NumPy arrays.

    >>> xn.data.iris().x_train.shape
    (120, 4)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@checked
def digits() -> Dataset:
    """UCI handwritten digits: 1797 images of 8 x 8 pixels as rows of 64 numbers in [0, 1], labels 0 to 9.

    The held-out part is a fixed fifth of every label, 359 images. Source: Alpaydin, Kaynak, 1998, UCI Machine
    Learning Repository, doi 10.24432/C50P49, CC BY 4.0.
    """
    with np.load(_here("digits.npz"), allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    x = images.reshape(len(images), -1).astype("float32") / 16
    return _divided(x, labels.astype("int64"), 0.2)


@checked
def iris() -> Dataset:
    """Fisher's irises: 150 flowers by length and width of sepal and petal in cm, labels 0 to 2.

    IRIS_LABELS names the labels; the held-out part is a fixed fifth of every label, 30 flowers. Source: Fisher, 1936,
    UCI Machine Learning Repository, doi 10.24432/C56C76, CC BY 4.0.
    """
    with open(_here("iris.csv"), encoding="ascii") as file:
        rows = [line.split(",") for line in file.read().split()[1:]]
    x = np.array([row[:4] for row in rows], "float32")
    return _divided(x, np.array([IRIS_LABELS.index(row[4]) for row in rows]), 0.2)


@checked
def clothing() -> Dataset:
    """Twelve garments by their size in one number, which fit (1) or not (0): those in the middle do.

    A fixed quarter of each class is held out, three garments. The data were made for examples/clothing.py.
    """
    return _divided(np.array(CLOTHING_SIZES, "float32")[:, None], np.array(CLOTHING_FITS), 0.25)


def _here(name: str) -> str:
    return os.path.join(os.path.dirname(__file__), name)


def _divided(x: np.ndarray, y: np.ndarray, share: float) -> Dataset:
    train, test = split(len(y), share, seed=0, strata=y)
    return Dataset(x[train], y[train], x[test], y[test])


@checked
def idx_folder(folder: Folder) -> Dataset:
    """A data set in MNIST's format: four IDX files in a folder, each as it is or compressed with gzip.

    The files are train-images-idx3-ubyte, train-labels-idx1-ubyte and the same two of t10k, or these names with .gz.
    x (n, rows * columns) float32 in [0, 1], the pixels / 255; y (n,) int64.
    FileNotFoundError names the absent files, ValueError a file whose contents do not fit its name.
    """
    folder = file_path("folder", folder)
    paths = [_idx_file(folder, name) for name in _IDX_FILES]
    absent = ", ".join(name for name, path in zip(_IDX_FILES, paths, strict=True) if path is None)
    if absent:
        is_there = "lacks" if os.path.isdir(folder) else "does not exist; wanted there are"
        raise FileNotFoundError(
            f"folder {os.fspath(folder)!r} {is_there} {absent}: put them there, as they are or compressed (.gz)"
        )
    train_images, train_labels, test_images, test_labels = map(str, paths)
    x_test, y_test, size = _idx_pair(test_images, test_labels)  # the small ones first: errors come at once
    x_train, y_train, train_size = _idx_pair(train_images, train_labels)
    if train_size != size:
        raise ValueError(
            f"{train_images} holds images of {train_size} pixels, {test_images} of {size}: "
            "both must be of one data set"
        )
    return Dataset(x_train, y_train, x_test, y_test)


def _idx_file(folder: Folder, name: str) -> str | None:
    paths = (os.path.join(folder, name + ending) for ending in ("", ".gz"))
    return next(filter(os.path.isfile, paths), None)


def _idx_pair(images: str, labels: str) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """(inputs, targets, size of an image) from a file of images and a file of their labels."""
    y = read_idx(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(f"{labels} holds {y.dtype} {y.shape}: labels (n,) that are integers were wanted")
    pixels = read_idx(images)
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"{images} holds {pixels.dtype} {pixels.shape}: images (n, rows, columns) of uint8 were wanted"
        )
    if len(pixels) != len(y):
        raise ValueError(
            f"{images} holds {len(pixels)} images, {labels} {len(y)} labels: use a pair that fits"
        )
    n, *size = pixels.shape
    x = np.divide(pixels.reshape(n, math.prod(size)), 255, dtype="float32")
    return x, y.astype("int64"), tuple(size)


@checked
def fashion_mnist(folder: Folder | None = None) -> Dataset:
    """Fashion-MNIST: 70,000 images of 28 x 28 pixels as rows of 784 numbers in [0, 1], labels 0 to 9.

    FASHION_MNIST_LABELS names the labels; 10,000 images are held out. The files are read from `folder` alone if it is
    given, else from the first of these folders that has one of them: fashion-mnist in $XPNET_DATA, $XPNET_DATA itself,
    and the folder of Debian's package dataset-fashion-mnist. FileNotFoundError lists the folders that were searched.
    Source: Xiao, Rasul, Vollgraf, 2017, arXiv:1708.07747, MIT licence.
    """
    if folder is not None:
        return idx_folder(folder)
    given = os.environ.get("XPNET_DATA")
    # the sub-folder first: MNIST and others, whose files have the same names, may lie beside it
    places = [os.path.join(given, "fashion-mnist"), given] if given else []
    places.append(_DEBIAN)
    for place in places:
        # one of the files is enough: idx_folder names the missing ones
        if any(_idx_file(place, name) for name in _IDX_FILES):
            return idx_folder(place)
    raise FileNotFoundError(
        f"Fashion-MNIST is in none of {', '.join(places)}: `apt install dataset-fashion-mnist`, or put the files "
        f"{', '.join(_IDX_FILES)} (or .gz) into a folder and set XPNET_DATA to it"
        + ("" if given else ", which is not set")
    )


DATASETS = {"clothing": clothing, "digits": digits, "fashion-mnist": fashion_mnist, "iris": iris}
