"""A copy of any library's array on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import in_numpy_format
from ..errors import BackendError
from ..typing import Array

WAYS: dict[str, Callable[[Any], np.ndarray]] = {
    "__array__": np.asarray,
    "__dlpack__": np.from_dlpack,
}
"""The ways to NumPy, by the method of an array that offers each, in the order of trial."""


def copy_to_host(x: Array, backend: str) -> np.ndarray:
    """The first copy that one of `WAYS` gives; BackendError, with each way's refusal, where none gives numbers."""
    refused = []
    for method, read in WAYS.items():
        if not hasattr(x, method):
            refused.append(f"there is no {method}")
            continue
        try:
            host = np.array(read(x))  # NumPy trusts an `__array__` to copy, which not all do
        except MemoryError:
            raise
        except Exception as error:  # each library refuses by a class of its own; the next way is tried
            refused.append(f"{method} raises {type(error).__name__}: {error}".splitlines()[0])
            continue
        if host.dtype != object:
            return in_numpy_format(host)
        refused.append(f"{method} leads to an array of objects")
    raise BackendError(
        f"backend {backend!r} cannot copy a {type(x).__module__}.{type(x).__qualname__} to the host: "
        f"{'; '.join(refused)}: override its to_numpy"
    )
