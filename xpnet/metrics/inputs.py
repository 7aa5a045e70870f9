"""Inputs of metrics: truth, predictions and weights, checked and brought to one library and device."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import as_array, check_finite, check_numbers
from ..errors import LabelError
from ..namespace import device, library, namespace
from ..typing import Array, Namespace


def together(
    given: dict[str, Any], sample_weight: Any, *, labels: tuple[str, ...] = (), text: bool = False
) -> tuple[Namespace, list[Array], Array]:
    """(namespace, arrays of one library and device, weights (n,) of its widest float).

    labels: the arguments that hold labels. text: they may be NumPy's text.
    TypeError, ValueError or LabelError for arrays that do not fit.
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
        if name in labels:
            x = arrays[name] = _labels_at_home(xp, name, x, place, text=text)
            if xp is np and x.dtype.kind == "U":
                continue
        else:
            check_numbers(name, x)
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
        kind = x.dtype.newbyteorder("=")
        if x.dtype.kind == "f" and not hasattr(xp, kind.name):  # longdouble, and float16, which strict lacks
            kind = np.dtype("float64" if kind.itemsize > 8 else "float32")
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


def _labels_at_home(xp: Namespace, name: str, y: Array, place: Any, *, text: bool) -> Array:
    """Labels in a namespace and on a device; LabelError or TypeError where they would become others there."""
    if isinstance(y, np.ndarray | np.generic):
        y = host_labels(name, np.asarray(y))
        if text and xp is np and y.dtype.kind == "U":
            return y
    check_numbers(name, y)
    if isinstance(y, np.ndarray):
        _require_range(xp, name, y, place)  # before another library cuts 64 bits to 32
    return at_home(xp, y, place)


def labels_like(xp: Namespace, name: str, labels: Any, like: Array) -> Array:
    """The labels of an option, (labels,), as `like` holds them; LabelError or TypeError where they do not fit it."""
    known = _labels_at_home(xp, name, as_array(name, labels), device(like), text=True)
    texts = [xp is np and y.dtype.kind == "U" for y in (known, like)]
    if texts[0] != texts[1]:
        kinds = "text, the labels are numbers" if texts[0] else "numbers, the labels are text"
        raise LabelError(f"{name} holds {kinds}: labels of one kind were wanted")
    return flat(xp, name, known)


def _require_range(xp: Namespace, name: str, y: Array, place: Any) -> None:
    """LabelError where a label is beyond the widest integer of the library: a cast would make another label of it."""
    most = int(xp.iinfo(_widest(xp, "int", place)).max)
    own = namespace(y)
    if own.isdtype(y.dtype, "bool"):
        return
    if own.isdtype(y.dtype, "integral"):  # not compared with floats, which round the largest of them
        if -most - 1 <= own.iinfo(y.dtype).min and own.iinfo(y.dtype).max <= most:
            return
        wide = integers(own, y)  # unsigned integers beyond it become negative
        unsigned = own.isdtype(y.dtype, "unsigned integer")
        beyond = bool(own.any(wide < (0 if unsigned else -most - 1))) or bool(own.any(wide > most))
    elif float(own.finfo(y.dtype).max) <= most:
        return  # float16
    else:
        beyond = bool(own.any(y >= float(most) + 1)) or bool(own.any(y < -float(most) - 1))
    if beyond:
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
    xp, arrays, w = together(
        {"y_true": y_true, "y_pred": y_pred}, sample_weight, labels=("y_true", "y_pred"), text=True
    )
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
    if xp.isdtype(y.dtype, "real floating") and bool(xp.any(y != xp.floor(y))):
        fix = "number them 0, 1, ..." if name == "labels" else "use scores > 0.5, or model.predict"
        raise LabelError(f"{name} holds fractions, labels are whole numbers or text: {fix}")
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
