"""Dtypes: their standard names, those that NumPy has from other packages, and those that hold any class number."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .errors import shown
from .namespace import namespace
from .typing import Array, Namespace

_ADDED_BY_A_PACKAGE = 2  # of `numpy.dtype.isbuiltin`


def dtype_name(dtype: Any) -> str:
    """The standard name of a dtype: "float32" of that word, of NumPy's, `torch.float32` and any library's own.

    TypeError for what is no dtype.
    """
    if isinstance(dtype, str):
        return dtype
    try:
        if dtype is not None:
            return np.dtype(dtype).name
    except TypeError:  # another library's, whose text ends with the name
        word = str(dtype).rpartition(".")[2]
        if word.isidentifier():
            return word
    raise TypeError(f"{shown(dtype)} is not a dtype: give its name, such as 'float32'")


def in_numpy_format(x: Any) -> Any:
    """A host array in a format that every library takes.

    The formats that ml_dtypes adds to NumPy, such as bfloat16, float8 and int4, become int8 or float32, whichever holds
    all their numbers: NumPy orders, sums and compares them by rules of the package's own, or not at all. Long doubles,
    which differ between machines, become float64. StringDType's texts become objects, a missing one included.
    """
    if x.dtype.char == "g":
        with np.errstate(all="ignore"):  # what overflows is infinite, and refused as such
            return x.astype("float64")
    if x.dtype.kind == "T":
        return x.astype(object)
    if x.dtype.isbuiltin != _ADDED_BY_A_PACKAGE:
        return x
    return next((x.astype(wide) for wide in ("int8", "float32") if np.can_cast(x.dtype, wide)), x)


@cache
def counting(xp: Namespace, dtype: Any) -> Any:
    """`dtype`, or one that holds the numbers of many more classes, rows and positions.

    The library's own integer dtype for short integers and booleans: uint8 takes class 256 for class 0. float32 for
    shorter floats: bfloat16 takes 257 for 256.
    """
    if dtype in (xp.int32, xp.int64):
        return dtype
    if xp.isdtype(dtype, ("bool", "integral")):
        return xp.__array_namespace_info__().default_dtypes()["integral"]
    return xp.float32 if xp.isdtype(dtype, "real floating") and xp.finfo(dtype).bits < 32 else dtype


def countable(x: Array) -> Array:
    """Class numbers, ids or lengths in a dtype that `counting` finds."""
    xp = namespace(x)
    wide = counting(xp, x.dtype)
    return x if x.dtype == wide else xp.astype(x, wide)


def shortened(x: Array, dtype: Any) -> Array:
    """The result of a computation in the dtype of `counting`, cast to `dtype` where that is a float."""
    xp = namespace(x)
    return x if x.dtype == dtype or not xp.isdtype(dtype, "real floating") else xp.astype(x, dtype)
