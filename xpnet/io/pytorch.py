"""Parameters as PyTorch names and lays them out, and back, by a table of the kinds of layer that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import shown
from ..layers import BatchNorm, Container, Conv1D, Conv2D, Dense, MultiHeadAttention, TransformerBlock
from ..typing import Flat

NAMES: dict[type, dict[str, str]] = {
    BatchNorm: {"mean": "running_mean", "var": "running_var"},
    MultiHeadAttention: {
        "input.weight": "in_proj_weight",
        "input.bias": "in_proj_bias",
        "output.weight": "out_proj.weight",
        "output.bias": "out_proj.bias",
    },
    TransformerBlock: {"attention": "", "feedforward": ""},
}
"""What PyTorch calls the arrays, or the parts, of a kind of layer, where it is another name than here; "" for parts
that it has without a name."""

OUTPUTS_FIRST: dict[type, tuple[str, ...]] = {
    **dict.fromkeys((Dense, Conv1D, Conv2D), ("weight",)),
    MultiHeadAttention: ("input.weight", "output.weight"),
}
"""Which arrays of a kind of layer are (..., in, out) here and (out, in, ...) there; all others are as they are."""


def to_torch(model: Any) -> dict[str, np.ndarray]:
    """Parameters and buffers with PyTorch's names and layouts, as NumPy arrays: copies.

    They fit a `torch.nn.Sequential` of the same layers: "0.weight" (out, in) of a Linear, "1.running_mean" of a
    BatchNorm, "2.self_attn.in_proj_weight" of a TransformerEncoderLayer. An activation that is part of a Dense is no
    layer of its own; put it behind, so that the numbers agree.
    PyTorch flattens images channels first: with `Permute((3, 1, 2))` before `Flatten` the weights behind it agree.
    """
    state = {}
    for name, value in {**model.params, **model.buffers}.items():
        theirs, axes = _layout(model.network, name, value.ndim)
        state[theirs] = np.array(np.transpose(model.backend.to_numpy(value), axes), order="C")
    return state


def from_torch(model: Any, state: Mapping[str, Any]) -> None:
    """Sets the parameters and buffers of a built model from a `state_dict`, or from its arrays in NumPy.

    See `to_torch` for the layers. TypeError or ValueError for what does not fit, the model as it was.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"state: a dict of arrays by name was wanted, such as module.state_dict(), {shown(state)} came"
        )
    left = {name: x for name, x in state.items() if not str(name).endswith("num_batches_tracked")}
    before, after = (model.params, model.buffers), []
    for part in before:
        after.append(
            {name: _taken(left, *_layout(model.network, name, x.ndim), x) for name, x in part.items()}
        )
    if left:
        raise ValueError(
            f"state: {shown(next(iter(left)))} is no array of this network: make it of the same layers, in order"
        )
    try:
        model.params, model.buffers = after
    except BaseException:
        model.params, model.buffers = before
        raise


def _layout(network: Any, name: str, ndim: int) -> tuple[str, tuple[int, ...]]:
    """(the name there, the order there of the axes here) of an array by its name here."""
    layer, path, theirs = network, name.split("."), []
    while isinstance(layer, Container | TransformerBlock):
        part = path.pop(0)
        theirs.append(NAMES.get(type(layer), {}).get(part, part))
        layer = dict(layer.children)[part]
    last, axes = ".".join(path), tuple(range(ndim))
    theirs.append(NAMES.get(type(layer), {}).get(last, last))
    if last in OUTPUTS_FIRST.get(type(layer), ()):
        axes = (axes[-1], axes[-2], *axes[:-2])
    return ".".join(filter(None, theirs)), axes


def _taken(left: Flat, name: str, axes: tuple[int, ...], like: Any) -> np.ndarray:
    """The array of a name, laid out as here, and no longer among those left."""
    if name not in left:
        raise ValueError(f"state has no {name!r}: make the network of the same layers, in order")
    given = left.pop(name)
    array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    wanted = tuple(like.shape[axis] for axis in axes)
    if array.shape != wanted:
        raise ValueError(
            f"state: {name!r} is {array.shape}, this network's is {wanted}: make its layers as large"
        )
    return np.transpose(array, np.argsort(axes))
