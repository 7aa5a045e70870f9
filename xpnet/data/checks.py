"""Inputs and weights checked on the host, once, before any step: an op cannot raise on values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..namespace import is_array, namespace
from ..typing import Array, Shape


def as_array(name: str, value: Any) -> Array:
    """An array of some library as it is, anything else through NumPy; TypeError for a masked array."""
    if isinstance(value, np.ma.MaskedArray):  # numpy.asarray would take the values under the mask for data
        raise TypeError(
            f"{name} is a masked array, and its mask would be lost: fill it first, {name}.filled(value), "
            "or leave the masked samples out"
        )
    if not is_array(value):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name} is ragged: every row must have the same length") from error
    return value


def check_numbers(name: str, x: Array) -> None:
    """TypeError unless `x` holds real numbers or booleans."""
    if isinstance(x, np.ndarray | np.generic):
        if x.dtype.kind in "biuf":
            return
        kind = {"O": "objects", "U": "text", "S": "bytes", "c": "complex numbers"}.get(
            x.dtype.kind, str(x.dtype)
        )
    elif namespace(x).isdtype(x.dtype, ("bool", "integral", "real floating")):
        return
    else:
        kind = str(x.dtype)
    raise TypeError(f"{name} must hold real numbers, it holds {kind}: convert it, {name}.astype('float32')")


def check_inputs(x: Array, input_shape: Shape | None, *, name: str = "x") -> None:
    """ValueError unless `x` is a batch of samples of `input_shape`."""
    if x.ndim == 0:
        raise ValueError(f"{name} is a single number: a batch of samples (n, ...) was wanted")
    if input_shape is None or x.shape[1:] == input_shape:
        return
    wanted = ", ".join(["n", *map(str, input_shape)])
    hint = f": one sample wants a batch axis, {name}[None]" if x.shape == input_shape else ""
    raise ValueError(f"{name} {tuple(x.shape)} does not fit the model, which takes ({wanted}){hint}")


def check_finite(x: Array, *, name: str = "x") -> None:
    """ValueError naming the first NaN or infinity, by row and column."""
    xp = namespace(x)
    if not xp.isdtype(x.dtype, "real floating") or bool(xp.all(xp.isfinite(x))):
        return
    place = int(xp.argmax(xp.astype(xp.reshape(~xp.isfinite(x), (-1,)), xp.int8)))
    where = np.unravel_index(place, x.shape)
    first = xp.reshape(x, (-1,))[place]  # torch warns when a tensor that has gradients becomes a float
    value = "nan" if bool(xp.isnan(first)) else "inf" if bool(first > 0) else "-inf"
    dtype = str(x.dtype).rpartition(".")[2]
    row = f"row {where[0]}" + "".join(f", column {index}" for index in where[1:])
    count = int(xp.count_nonzero(~xp.isfinite(x)))
    raise ValueError(
        f"{name} holds {value} at {row}, as {dtype} ({count} such in all): remove, replace or rescale them first"
    )


def check_probabilities(outputs: Array, loss: str) -> None:
    """ValueError where a network gives a loss of probabilities something else."""
    xp = namespace(outputs)
    if bool(xp.any(xp.logical_or(outputs < 0, outputs > 1 + 1e-5))):
        kind = "sigmoid" if loss.startswith("binary") else "softmax"
        raise ValueError(
            f"the loss {loss!r} takes probabilities and the network's outputs are not in [0, 1]: end the network "
            f"with xn.{kind.capitalize()}(), or use the loss '{kind}_cross_entropy', which takes logits"
        )


def check_weights(weight: Any, n: int) -> np.ndarray:
    """Sample weights as float64 on the host."""
    check_numbers("sample_weight", weight)
    host = np.asarray(weight, dtype="float64")
    if host.shape != (n,):
        raise ValueError(f"sample_weight {host.shape} must be ({n},), one weight per sample")
    if not np.isfinite(host).all() or (host < 0).any():
        raise ValueError(
            "sample_weight must be finite and not negative: give a sample weight 0 to leave it out"
        )
    if host.sum() == 0:
        raise ValueError("sample_weight is 0 for every sample: nothing is left to learn from")
    return host
