"""Inputs of metrics: truth, predictions and weights, checked and brought to one library and device."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import as_array, check_finite, check_numbers
from ..errors import LabelError
from ..namespace import device, library, namespace
from ..typing import Array, Namespace


def together(
    given: dict[str, Any], sample_weight: Any, *, text: bool = False
) -> tuple[Namespace, list[Array], Array]:
    """(namespace, arrays of one library and device, weights (n,) of its widest float).

    text: NumPy arrays may hold text. TypeError, ValueError or LabelError for arrays that do not fit.
    """
    given = given if sample_weight is None else {**given, "sample_weight": sample_weight}
    arrays = {name: as_array(name, x) for name, x in given.items()}
    homes = {library(x): x for x in arrays.values() if not isinstance(x, np.ndarray | np.generic)}
    if len(homes) > 1:
        raise TypeError(f"{', '.join(arrays)} are arrays of {' and '.join(homes)}: give all of one library")
    home = next(iter(homes.values()), np.zeros(0))
    xp, place = namespace(home), device(home)
    n = arrays["y_true"].shape[0] if arrays["y_true"].ndim else 0
    for name, x in arrays.items():
        if x.shape[:1] != (n,) or not n:
            shapes = ", ".join(f"{key} {tuple(value.shape)}" for key, value in arrays.items())
            raise ValueError(f"{shapes}: each must hold a value, or a row, for each of the same samples")
        labels = text and name != "sample_weight"
        if labels and isinstance(x, np.ndarray):
            x = arrays[name] = host_labels(name, x)
            if xp is np and x.dtype.kind == "U":
                continue
        check_numbers(name, x)
        if labels and isinstance(x, np.ndarray):
            _require_range(xp, name, x, place)  # before another library cuts 64 bits to 32
        arrays[name] = at_home(xp, x, place)
        check_finite(arrays[name], name=name)
    kind = _widest(xp, "float", place)
    weight = arrays.pop("sample_weight", None)
    if weight is None:
        return xp, list(arrays.values()), xp.ones(n, dtype=kind, device=place)
    if weight.ndim != 1 or bool(xp.any(weight < 0)) or not bool(xp.any(weight > 0)):
        raise ValueError(
            f"sample_weight {tuple(weight.shape)} must be ({n},), not negative, and not 0 for all"
        )
    return xp, list(arrays.values()), xp.astype(weight, kind)


def at_home(xp: Namespace, x: Any, place: Any) -> Array:
    """An array in a namespace and on a device; of NumPy's, a copy that every library takes."""
    if (
        isinstance(x, np.ndarray) and xp is not np
    ):  # others refuse byte orders, negative strides and long doubles
        kind = np.dtype("float64") if x.dtype.char == "g" else x.dtype.newbyteorder("=")
        x = np.array(x, dtype=kind, order="C")
    return xp.asarray(x, device=place)


def host_labels(name: str, y: np.ndarray) -> np.ndarray:
    """Labels as numbers or as text, from an array of objects as well; LabelError for bytes and for mixtures."""
    if y.dtype.kind == "S":
        raise LabelError(f"{name} holds bytes, text or numbers were wanted: decode it, {name}.astype(str)")
    if y.dtype.kind != "O":
        return y
    items = y.ravel().tolist()
    if all(isinstance(item, str) for item in items):
        return y.astype(str)
    if all(isinstance(item, bool | int | float | np.number | np.bool_) for item in items):
        numbers = np.array(items)
        if numbers.dtype.kind in "biuf":
            return numbers.reshape(y.shape)
    raise LabelError(
        f"{name} mixes labels of different types: make them all text or all integers, and leave out None"
    )


def _require_range(xp: Namespace, name: str, y: Array, place: Any) -> None:
    """LabelError where a label is beyond the widest integer of the library: a cast would make another label of it."""
    most = int(xp.iinfo(_widest(xp, "int", place)).max)
    own = namespace(y)
    if y.shape[0] and (bool(own.any(y >= float(most) + 1)) or bool(own.any(y < -float(most) - 1))):
        raise LabelError(
            f"{name} holds labels beyond {most}, the largest integer here: number them 0, 1, ..."
        )


def _widest(xp: Namespace, kind: str, place: Any) -> Any:
    """The namespace's 64-bit dtype of a kind, or the 32-bit one where there is none."""
    there = xp.__array_namespace_info__().dtypes(device=place)
    return there.get(f"{kind}64", there[f"{kind}32"])


def integers(xp: Namespace, x: Array) -> Array:
    """Whole numbers cast to the widest integer dtype."""
    return xp.astype(x, _widest(xp, "int", device(x)))


def labelled(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Namespace, list[Array], Array]:
    """(namespace, [true labels, predicted labels], weights), each (n,)."""
    xp, arrays, w = together({"y_true": y_true, "y_pred": y_pred}, sample_weight, text=True)
    labels = [flat(xp, name, y) for name, y in zip(("y_true", "y_pred"), arrays, strict=True)]
    if xp is np and len({y.dtype.kind == "i" for y in labels}) > 1:
        raise LabelError(
            "one of y_true and y_pred holds text, the other numbers: labels of one kind were wanted"
        )
    return xp, labels, w


def flat(xp: Namespace, name: str, y: Array) -> Array:
    """Labels as (n,); LabelError for another shape or for fractions."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = xp.reshape(y, (-1,))
    if y.ndim != 1:
        raise LabelError(
            f"{name} {tuple(y.shape)} must be labels (n,): use argmax of scores, or model.predict"
        )
    if xp is np and y.dtype.kind == "U":
        return y
    if xp.isdtype(y.dtype, "real floating"):
        if bool(xp.any(y != xp.floor(y))):
            raise LabelError(f"{name} holds numbers that are not labels: use scores > 0.5, or model.predict")
        _require_range(xp, name, y, device(y))
    return integers(xp, y)


def weighed(xp: Namespace, x: Array, w: Array) -> Array:
    """The weighted sum over the samples."""
    return xp.sum(x * (w if x.ndim == 1 else w[:, None]), axis=0)


def mean(xp: Namespace, x: Array, w: Array) -> Array:
    """The weighted mean over the samples."""
    return ratio(xp, weighed(xp, x, w), xp.sum(w))


def ratio(xp: Namespace, above: Array, below: Array) -> Array:
    """above / below; 0 where below is 0."""
    zero = below == 0
    safe = xp.where(zero, xp.ones_like(below), below)
    return xp.where(zero, xp.zeros_like(above / safe), above / safe)
