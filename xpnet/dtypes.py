"""Dtypes: their standard names, and those that NumPy has from other packages."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import shown

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
    all their numbers: NumPy orders, sums and compares them by rules of the package's own, or not at all. StringDType's
    texts become objects, a missing one included.
    """
    if x.dtype.kind == "T":
        return x.astype(object)
    if x.dtype.isbuiltin != _ADDED_BY_A_PACKAGE:
        return x
    return next((x.astype(wide) for wide in ("int8", "float32") if np.can_cast(x.dtype, wide)), x)
