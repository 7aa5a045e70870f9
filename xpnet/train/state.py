"""The state of a training: its initial value, the replacement of a part, and copies for the user."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import tree
from ..data import as_array, check_finite, check_numbers
from ..init import Undrawn, initial
from ..layers import Layer
from ..optim import Optimizer, slot_names
from ..typing import Array, Flat, Shape, State
from .inputs import require_own


def initial_state(
    network: Layer, optimizer: Optimizer, input_shape: Shape, dtype: str, seed: int, *, drawn: bool = True
) -> tuple[State, Shape]:
    """(the state before the first step, drawn from the seed, on the host; the shape of an output).

    With `drawn` False its arrays have their shapes and dtypes only.
    """

    def cast(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        return x.astype(dtype, copy=False) if x.dtype.kind == "f" else x

    rng = np.random.default_rng(seed)
    rng = rng if drawn else Undrawn(rng.bit_generator)
    params, buffers, output_shape = network.init(rng, input_shape, dtype)
    params, buffers = (tree.flatten(tree.map(cast, part)) for part in (params, buffers))
    state: State = {
        "params": params,
        "buffers": buffers,
        "slots": {
            slot: {name: initial("zeros", rng, params[name].shape, params[name].dtype) for name in names}
            for slot, names in slot_names(optimizer, params).items()
        },
        "step": np.zeros(1, "int32"),
        "lr": np.asarray(optimizer.peak, dtype),
        "key": np.random.SeedSequence(seed).generate_state(2).view("int32"),
    }
    return state, output_shape


def replaced(backend: Any, old: Flat, new: Any, part: str, dtype: str) -> Flat:
    """New arrays for a part of the state, on the backend; ValueError where names or shapes differ from the old."""
    if not isinstance(new, dict) or set(new) != set(old):
        came = sorted(map(str, new)) if isinstance(new, dict) else f"a {type(new).__name__}"
        raise ValueError(f"{part} must be a dict of the arrays {sorted(old)}, {came} came: give each of them")
    placed = {}
    for name in old:
        what = f"{part}[{name!r}]"
        value = as_array(what, new[name])
        require_own(backend, value, what)
        check_numbers(what, value)
        if tuple(value.shape) != tuple(old[name].shape):
            raise ValueError(f"{what} {tuple(value.shape)} must have the shape {tuple(old[name].shape)}")
        with backend.device_context():
            placed[name] = backend.asarray(value, dtype=dtype)
            check_finite(placed[name], name=what)
    return placed


class Snapshot(dict[str, Array]):
    """Copies of a model's arrays by name. Changing them would change no model, so they refuse it."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        super().__init__(arrays)
        for x in arrays.values():
            if isinstance(x, np.ndarray):
                x.setflags(write=False)

    def _refuse(self, *args: Any, **options: Any) -> Any:
        name = args[0] if args and isinstance(args[0], str) else "0.weight"
        raise TypeError(
            f"these are copies: assign all of them, model.params = {{**model.params, {name!r}: new}}"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
