"""A training state as named arrays in a file, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..typing import State


def flat_state(state: State, prefix: str = "") -> dict[str, np.ndarray]:
    """`{"params/0.weight": ..., "slots/m/0.weight": ..., "step": ...}`."""
    flat: dict[str, np.ndarray] = {}
    for name, value in state.items():
        if isinstance(value, dict):
            flat.update(flat_state(value, f"{prefix}{name}/"))
        else:
            flat[prefix + name] = value
    return flat


def nested_state(arrays: dict[str, np.ndarray], *, like: State) -> State:
    """The state again, in the structure of another; ModelFileError where names, shapes or dtypes differ."""
    wanted = flat_state(like)
    for name in sorted(set(wanted) ^ set(arrays)):
        raise ModelFileError(
            f"the array {name!r} is {'missing' if name in wanted else 'not of this network'}"
        )
    for name, array in wanted.items():
        came, dtype = arrays[name], str(array.dtype).rpartition(".")[2]
        if came.shape != tuple(array.shape) or came.dtype.name != dtype:
            raise ModelFileError(
                f"the array {name!r} is {came.dtype} {came.shape}, the network's is {dtype} {tuple(array.shape)}"
            )

    def fill(part: Any, prefix: str) -> Any:
        return {
            name: fill(value, f"{prefix}{name}/") if isinstance(value, dict) else arrays[prefix + name]
            for name, value in part.items()
        }

    return fill(like, "")
