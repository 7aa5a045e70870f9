"""Inputs and targets from NumPy's .npz archives."""

from __future__ import annotations

import os
import zlib

import numpy as np

from ..calls import checked

_KEYS = (("x", "y"), ("x_train", "y_train", "x_test", "y_test"))
_INPUTS = (("x",), ("x_test",))


@checked
def read_npz(path: str | os.PathLike[str], *, targets: bool = True) -> tuple[np.ndarray, ...]:
    """(x, y), or (x_train, y_train, x_test, y_test), of an .npz file with arrays of these names.

    Without `targets` it is (x,), or (x_test,). Other arrays in the file are not read, and nothing is unpickled. OSError
    for a missing file. ValueError, which names the file, for another kind of file, missing names, arrays of objects,
    and lengths that differ.
    """
    import zipfile  # its import takes as long as that of all of xpnet.data

    damaged = (ValueError, EOFError, KeyError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)
    name = os.fspath(path)
    with open(name, "rb") as file:
        if file.read(2) != b"PK" or not zipfile.is_zipfile(file):
            raise ValueError(f"{name}: this is not an .npz file: numpy.savez(file, x=x, y=y) makes one")
        file.seek(0)
        try:  # given a name, NumPy leaves a damaged file open
            with np.load(file, allow_pickle=False) as found:
                known = _KEYS if targets else _INPUTS
                keys = next((keys for keys in known if set(keys) <= set(found.files)), None)
                if keys is None:
                    there = ", ".join(map(repr, found.files)) or "nothing"
                    wanted = " or ".join(", ".join(keys) for keys in known)
                    raise ValueError(f"the file holds {there}, wanted were the arrays {wanted}")
                arrays = tuple(found[key] for key in keys)
        except damaged as error:
            raise ValueError(f"{name}: {error}") from error
    if not targets:
        return arrays
    for x, y, key in zip(arrays[::2], arrays[1::2], keys[::2], strict=True):
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(f"{name}: {key} {x.shape} and its targets {y.shape} must have the same length")
    return arrays
