"""Checks of inputs and weights, made once before any step: an op cannot raise on values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import in_numpy_format
from ..errors import batch_of, shown
from ..namespace import is_array, namespace
from ..typing import Array, Namespace, Shape

MAX_VDOT_ELEMENTS = 2**12
"""Up to this size an array is known finite from its sum of squares, which takes half the time on one row."""
_KINDS = {"U": "text", "S": "bytes", "c": "complex numbers"}


def as_array(name: str, value: Any) -> Array:
    """An array of any library unchanged, anything else as a NumPy array; TypeError for a masked array.

    NumPy's arrays of ml_dtypes are cast, see `in_numpy_format`.
    """
    if isinstance(value, np.ma.MaskedArray):  # numpy.asarray would keep the values under the mask
        raise TypeError(
            f"{name} is a masked array, and its mask would be lost: fill it first, {name}.filled(value), "
            "or leave the masked samples out"
        )
    if is_array(value):
        return in_numpy_format(value) if isinstance(value, np.ndarray | np.generic) else value
    try:
        array = in_numpy_format(np.asarray(value))
    except ValueError as error:
        raise ValueError(f"{name} is ragged: every row must have the same length") from error
    if array.dtype.kind in "US" and isinstance(value, list | tuple):
        objects = np.asarray(value, dtype=object)
        if not all(isinstance(item, str | bytes) for item in objects.flat):
            return objects  # NumPy turns [1, "a"] into text
    return array


def check_numbers(name: str, x: Array) -> None:
    """TypeError unless `x` holds real numbers or booleans."""
    numpys = isinstance(x, np.ndarray | np.generic)
    if x.dtype.kind in "biuf" if numpys else _is_real(x):
        return
    kind = _KINDS.get(x.dtype.kind, str(x.dtype)) if numpys else str(x.dtype).rpartition(".")[2]
    fix = f"take its real part, {name}.real" if "complex" in kind else "turn it into numbers first"
    if kind == "|V2":  # NumPy's files keep no format of another package
        fix = f"turn it into numbers first, {name}.view(ml_dtypes.bfloat16) if it is bfloat16 from a file"
    if numpys and x.dtype.kind == "O":
        kind, fix = _objects(name, np.asarray(x))
    raise TypeError(f"{name} must hold real numbers, it holds {kind}: {fix}")


def check_ids(
    x: Array, limit: int | None, *, name: str = "x", rows: Sequence[int] | np.ndarray | None = None
) -> None:
    """TypeError unless `x` holds integers; ValueError naming the first id outside 0 to limit - 1.

    rows: the row numbers to report, where x is a part of the data.
    """
    xp = namespace(x)
    if not xp.isdtype(x.dtype, "integral"):
        raise TypeError(
            f"{name} holds {_word(x.dtype)}, the network takes integer ids: give integers, {name}.astype('int64') "
            "where its numbers are whole"
        )
    if xp is not np:  # int8 cannot hold every limit, and PyTorch has no minimum of some dtypes
        x = xp.astype(x, xp.__array_namespace_info__().default_dtypes()["integral"], copy=False)
    if 0 in x.shape or (int(xp.min(x)) >= 0 and (limit is None or int(xp.max(x)) < limit)):
        return
    bad = x < 0 if limit is None else xp.logical_or(x < 0, x >= limit)
    place = int(xp.argmax(xp.astype(xp.reshape(bad, (-1,)), xp.int8)))
    row, *inner = map(int, np.unravel_index(place, x.shape))
    where = _place((row if rows is None else int(rows[row]), *inner))
    wanted = "0 or more" if limit is None else f"0 to {limit - 1}, for the table has {limit} rows"
    raise ValueError(
        f"{name} holds the id {int(xp.reshape(x, (-1,))[place])} at {where}, ids are {wanted}: renumber them"
        + ("" if limit is None else ", or make it larger")
    )


def _word(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def _is_real(x: Array) -> bool:
    return bool(namespace(x).isdtype(x.dtype, ("bool", "integral", "real floating")))


_floats: dict[tuple[Namespace, Any], bool] = {}


def _is_float(xp: Namespace, dtype: Any) -> bool:
    """True for a real floating dtype; cached, since `isdtype` takes NumPy 0.7 us."""
    try:
        return _floats[xp, dtype]
    except KeyError:
        return _floats.setdefault((xp, dtype), bool(xp.isdtype(dtype, "real floating")))


def _objects(name: str, x: np.ndarray) -> tuple[str, str]:
    """(description of an object array's contents, advice) for the error sentence."""
    if x.ndim == 0:
        only = x.item()
        dense = f"{name}.toarray()" if hasattr(only, "toarray") else "an array of numbers, one row per sample"
        came = shown(only) if only is None else f"one object, a {type(only).__name__}"
        return came, f"give {dense}"
    for place, item in np.ndenumerate(x):
        if not isinstance(item, int | float | np.number | np.bool_):
            return (
                f"objects, such as {shown(item)} at {_place(place)}",
                "remove or replace what is not a number",
            )
    return "objects", f"convert it, numpy.asarray({name}, dtype='float32')"


def _place(where: tuple[Any, ...]) -> str:
    return f"row {where[0]}" + "".join(f", column {index}" for index in where[1:])


def check_inputs(x: Array, input_shape: Shape | None, *, name: str = "x") -> None:
    """ValueError unless `x` is a batch of samples of `input_shape`."""
    if x.ndim == 0:
        raise ValueError(f"{name} is a single number: a batch of samples (n, ...) was wanted")
    if input_shape is None:
        if 0 in x.shape:
            raise ValueError(
                f"{name} {tuple(x.shape)} holds no {'features' if x.shape[0] else 'samples'}: "
                "at least one is needed"
            )
        return
    if tuple(x.shape[1:]) == input_shape:
        return
    fix = "give the model what it was built with, or make another model"
    if tuple(x.shape) == input_shape:
        fix = f"one sample wants a batch axis, {name}[None]"
    elif math.prod(x.shape[1:]) == math.prod(input_shape):
        fix = f"reshape it, {name}.reshape({', '.join(['-1', *map(str, input_shape)])})"
    elif x.ndim == 2 and tuple(x.shape[:1]) == input_shape:
        fix = f"its samples are columns, transpose it, {name}.T"
    raise ValueError(
        f"{name} {tuple(x.shape)} does not fit the model, which takes {batch_of(input_shape)}: {fix}"
    )


def check_finite(x: Array, *, name: str = "x", rows: Sequence[int] | np.ndarray | None = None) -> None:
    """ValueError naming the first NaN or infinity, by row and column. rows: the row numbers to report for a part."""
    xp = namespace(x)
    if not _is_float(xp, x.dtype):
        return
    if xp is np and x.size <= MAX_VDOT_ELEMENTS and math.isfinite(np.vdot(x, x)):
        return  # squares do not cancel; if they overflow, the next line decides
    if int(xp.count_nonzero(xp.isfinite(x))) == math.prod(x.shape):
        return  # numpy.all would take three times as long over one row
    place = int(xp.argmax(xp.astype(xp.reshape(~xp.isfinite(x), (-1,)), xp.int8)))
    row, *inner = map(int, np.unravel_index(place, x.shape))
    first = xp.reshape(x, (-1,))[place]  # torch warns when a tensor that has gradients becomes a float
    value = "nan" if bool(xp.isnan(first)) else "inf" if bool(first > 0) else "-inf"
    dtype = _word(x.dtype)
    where = (row if rows is None else int(rows[row]), *inner)
    count = int(xp.count_nonzero(~xp.isfinite(x)))
    among = "in all" if rows is None else f"among {x.shape[0]} rows"
    raise ValueError(
        f"{name} holds {value} at {_place(where)}, as {dtype} ({count} such {among}): "
        "remove, replace or rescale them first"
    )


def check_outputs(outputs: Array, loss: Any) -> None:
    """ValueError where a loss takes probabilities or log-probabilities and the network's outputs are neither."""
    xp, of = namespace(outputs), getattr(loss, "of", None)
    name = getattr(loss, "__name__", type(loss).__name__)
    if of == "log-probabilities":
        finite = xp.where(outputs > 1, 1.0, outputs)  # exp(1) is too large already
        total = xp.sum(xp.exp(finite), axis=-1)
        if bool(xp.any(xp.abs(total - 1.0) > 1e-3)):
            raise ValueError(
                f"the loss {name!r} takes log-probabilities, and the exponentials of the network's outputs do not sum "
                "to 1: end the network with xn.LogSoftmax(), or use the loss 'softmax_cross_entropy' of logits"
            )
    elif of == "probabilities" and bool(xp.any(xp.logical_or(outputs < 0, outputs > 1 + 1e-5))):
        kind = "sigmoid" if loss.kind == "binary" else "softmax"
        raise ValueError(
            f"the loss {name!r} takes probabilities and the network's outputs are not in [0, 1]: end the network "
            f"with xn.{kind.capitalize()}(), or use the loss '{kind}_cross_entropy', which takes logits"
        )


def check_weights(weight: Any, n: int) -> np.ndarray:
    """Sample weights as float64 on the host."""
    check_numbers("sample_weight", weight)
    host = np.asarray(weight, dtype="float64")
    if host.shape != (n,):
        raise ValueError(
            f"sample_weight {host.shape} must be ({n},), one weight per sample: reshape it, or cut it"
        )
    bad = ~(np.isfinite(host) & (host >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"sample_weight holds {host[row]:g} at row {row}, it must be finite and not negative: "
            "give a sample weight 0 to leave it out"
        )
    with np.errstate(over="ignore"):
        total = host.sum()
    if total == 0:
        raise ValueError("sample_weight is 0 for every sample: nothing is left to learn from")
    if not np.isfinite(total):
        raise ValueError("sample_weight has an infinite sum: divide it by its largest")
    return host
