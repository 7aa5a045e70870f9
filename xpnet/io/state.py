"""A training state as named arrays in a file, and back."""

from __future__ import annotations

import numpy as np

from .. import tree
from ..errors import ModelFileError
from ..typing import State

RENAMED = {"slots/top/": "slots/v_max/"}
"""The beginnings of names in files of earlier versions, and today's names for them."""


def flat_state(state: State) -> dict[str, np.ndarray]:
    """`{"params/0.weight": ..., "slots/m/0.weight": ..., "step": ...}`."""
    return tree.flatten(state, "/")


def nested_state(arrays: dict[str, np.ndarray], *, like: State) -> State:
    """The state from named arrays, in the structure of `like`; ModelFileError where names, shapes or dtypes differ."""
    wanted = flat_state(like)
    for before, now in RENAMED.items():
        arrays = {
            name.replace(before, now) if name.startswith(before) else name: x for name, x in arrays.items()
        }
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

    found = iter([arrays[name] for name in wanted])
    return tree.map(lambda _: next(found), like)
