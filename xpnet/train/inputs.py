"""From the arrays of a user to samples on the backend, checked on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..data import (
    Targets,
    as_array,
    check_finite,
    check_ids,
    check_inputs,
    check_numbers,
    check_weights,
    class_weights,
    split,
)
from ..errors import LabelError, shown
from ..namespace import device, library, namespace
from ..typing import Array, Shape
from .lazy import LazyRows
from .memmap import file_of


@dataclass
class Samples:
    """Samples: inputs and encoded targets on the backend, or lazy rows of a file, and weights on the host.

    weight: the weight of each sample in the training. plain: the same without class weights, which no score includes.
    """

    x: Array | LazyRows
    y: Array | LazyRows
    weight: np.ndarray
    plain: np.ndarray

    def __len__(self) -> int:
        return len(self.weight)

    def whole_y(self) -> Array:
        """All targets, on the backend."""
        return self.y.take(slice(None)) if isinstance(self.y, LazyRows) else self.y

    def apart_from(self, backend: Any, given: Any) -> Samples:
        """The samples in memory and apart from the x that was given; targets and weights are copies already."""
        x, y = (a.take(slice(None)) if isinstance(a, LazyRows) else a for a in (self.x, self.y))
        if isinstance(x, np.ndarray):
            shared = np.may_share_memory(x, np.asarray(given))
        else:
            shared = backend.owns(given) and given.dtype == x.dtype
        return Samples(backend.copy(x) if shared else x, y, self.weight, self.plain)

    def rows(self, backend: Any, numbers: np.ndarray) -> Samples:
        """The samples of these numbers."""
        index = None if isinstance(self.x, LazyRows) else backend.asarray(numbers)
        x, y = (
            a.pick(numbers) if isinstance(a, LazyRows) else backend.xp.take(a, index, axis=0)
            for a in (self.x, self.y)
        )
        return Samples(x, y, self.weight[numbers], self.plain[numbers])


def check_validation(validation_data: Any, validation_split: float) -> None:
    """TypeError for validation data that is no tuple; ValueError where a share is held out as well."""
    if validation_data is None:
        return
    if validation_split:
        raise ValueError("validation_split and validation_data were both given: give one of them")
    if not isinstance(validation_data, tuple) or len(validation_data) not in (2, 3):
        wanted = "must be a tuple (x, y) or (x, y, sample_weight)"
        raise TypeError(f"validation_data {wanted}, a {type(validation_data).__name__} came: put them in one")


def to_inputs(
    backend: Any,
    x: Array,
    *,
    input_shape: Shape | None,
    dtype: str,
    ids: bool,
    id_limit: int | None = None,
    name: str = "x",
) -> Array | LazyRows:
    """x on the backend, cast to `dtype`, or to int64 where it is ids; lazy rows where x lies in a mapped file.

    TypeError or ValueError where x does not fit, holds a value that is not finite, or an id of `id_limit` or more.
    An array that fits already is not copied.
    """
    wanted = "int64" if ids else dtype
    check = partial(check_ids, limit=id_limit, name=name) if ids else partial(check_finite, name=name)
    fits = type(x) is np.ndarray and x.dtype == wanted and x.ndim > 0 and x.shape[1:] == input_shape
    if fits and backend.xp is np and file_of(x) is None:
        check(x)  # what follows could not fail; without it a prediction of one row takes a tenth less
        return backend.canonical_layout(x)
    require_own(backend, x, name)
    backend.require_values(name, x)
    check_numbers(name, x)
    check_inputs(x, input_shape, name=name)
    own = backend.dtype(wanted)

    def put(x: Array, rows: Sequence[int] | np.ndarray | None) -> Array:
        if backend.owns(x) and x.dtype == own and device(x) is None:  # nothing to do, on any device
            check(x, rows=rows)
            return backend.canonical_layout(x)
        with backend.device_context():
            if ids:  # before the cast: it may make another id of one that is too large
                check(x, rows=rows)
            if not backend.owns(x):
                with np.errstate(all="ignore"):  # what overflows is looked for next
                    x = np.asarray(x, dtype=wanted)
            elif x.dtype != own:
                x = namespace(x).astype(x, own)
            if not ids:  # where it is: a host array on the host
                check(x, rows=rows)
            if not backend.owns(x) or device(x) not in (None, backend.selected):
                x = backend.asarray(x)
        return backend.canonical_layout(x)

    return put(x, None) if file_of(x) is None else LazyRows(np.asarray(x), put)


@np.errstate(all="ignore")  # a user's own setting would turn an underflow in a cast into an error
def to_samples(
    backend: Any,
    x: Array | LazyRows,
    y: Any,
    *,
    targets: Targets,
    output_shape: Shape,
    dtype: str,
    sample_weight: Any = None,
    class_weight: Any = None,
    several: bool = False,
    name: str = "y",
) -> tuple[Samples, Targets]:
    """(samples, the targets with what y showed of them) of inputs from `to_inputs` and the targets of a user.

    Where x is lazy, so is a y in a mapped file that has several numbers for a sample; any other y is loaded.
    several: True where the first y must hold two labels at least.
    """
    host = to_host(backend, as_array(name, y), name)
    n = x.shape[0]
    if n == 0:
        raise ValueError("x holds no samples: at least one is needed")
    if host.ndim == 0 or len(host) != n:
        came = f"is {shown(y)} and" if host.ndim == 0 else host.shape
        raise LabelError(
            f"{name} {came} must hold one target for each of the {n} samples of x: rows are samples"
        )
    first, targets = targets.dtype is None, targets.learn(host, output_shape)

    def encode(part: np.ndarray, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        return targets.encode(part, output_shape, dtype, rows=rows)

    wide = host.dtype.kind in "biuf" and host.shape[1:] == output_shape and math.prod(output_shape) > 1
    later = isinstance(x, LazyRows) and wide and file_of(host) is not None and targets.ignored is None
    encoded = np.asarray(host if later else encode(host))
    if several and first and not later:
        targets.require_several(encoded)
    weight = plain = counts = targets.counts(encoded, output_shape)
    if sample_weight is not None:
        given = as_array("sample_weight", sample_weight)
        weight = plain = check_weights(to_host(backend, given, "sample_weight"), n) * counts
        if not weight.any():
            raise ValueError(
                f"sample_weight is 0 wherever {name} is not {targets.ignored}, the label that the loss ignores: "
                "nothing is left to learn from"
            )
    if class_weight is not None:
        if targets.kind == "values" or (encoded.ndim > 1 and encoded.shape[1] != 1):
            raise ValueError(
                "class_weight needs one label per sample and a classification loss: give sample_weight instead"
            )
        numbers = encoded.reshape(n).astype("int64")
        if (numbers != encoded.reshape(n)).any():
            raise ValueError(
                "class_weight needs labels, and y holds probabilities: give sample_weight instead"
            )
        count, some = output_shape[-1] if targets.kind == "classes" else 2, counts > 0
        of_classes = np.zeros(n)
        of_classes[some] = class_weights(class_weight, numbers[some], targets.labels or tuple(range(count)))
        weight = weight * of_classes
        if not weight.any():
            raise ValueError("class_weight leaves every sample with weight 0: nothing is left to learn from")
    if not isinstance(x, LazyRows):
        return Samples(x, backend.asarray(encoded), weight, plain), targets
    put = (
        (lambda part, rows: backend.asarray(encode(part, rows)))
        if later
        else (lambda part, rows: backend.asarray(part))
    )
    return Samples(x, LazyRows(encoded, put), weight, plain), targets


def hold_out(backend: Any, data: Samples, share: float, *, kind: str, seed: int) -> tuple[Samples, Samples]:
    """(the other samples, the share held out); the share of every class alike where each sample has one label."""
    strata = None
    if (kind == "classes" and data.y.ndim == 1) or (kind == "binary" and math.prod(data.y.shape[1:]) == 1):
        labels = data.y.array if isinstance(data.y, LazyRows) else backend.to_numpy(data.y)
        labels = labels.reshape(-1)
        strata = (
            labels if kind == "classes" or set(labels.tolist()) <= {0.0, 1.0} else None
        )  # else probabilities
    kept, held = split(len(data), share, seed=seed, strata=strata)
    if not (data.weight[kept].any() and data.plain[held].any()):
        raise ValueError(f"validation_split {share!r} leaves one side with samples of weight 0 only")
    scored = data.rows(backend, held)
    scored.weight = scored.plain
    return data.rows(backend, kept), scored


def to_host(backend: Any, value: Any, name: str) -> np.ndarray:
    """A host array of the backend's or of NumPy's; TypeError for another library's."""
    if isinstance(value, np.ndarray):
        return value
    if backend.owns(value):
        backend.require_values(name, value)
        return backend.to_numpy(value)
    require_own(backend, value, name)
    return np.asarray(value)


def require_own(backend: Any, x: Array, name: str) -> None:
    """TypeError where `x` is neither the backend's nor NumPy's, naming both libraries."""
    if backend.owns(x) or isinstance(x, np.ndarray | np.generic | list | tuple):
        return
    takes = "NumPy arrays" if backend.name == "numpy" else f"arrays of {backend.name} or of NumPy"
    raise TypeError(
        f"{name} is an array of {library(x)}, the model is on backend {backend.name!r}: "
        f"give it {takes}, or move the model, model.to(...)"
    )
