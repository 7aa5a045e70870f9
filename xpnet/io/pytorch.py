"""Conversion of parameters to PyTorch's names and layouts and back, by a table of the layers that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..calls import checked
from ..errors import shown
from ..layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Container,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dense,
    MultiHeadAttention,
    TransformerBlock,
)
from ..typing import Flat, Shape

_RECURRENT = {
    f"{ours}{end}": f"{theirs}_l0{end}"
    for end in ("", "_reverse")
    for ours, theirs in (
        ("weight", "weight_ih"),
        ("recurrent", "weight_hh"),
        ("bias", "bias_ih"),
        ("recurrent_bias", "bias_hh"),
    )
}
NAMES: dict[type, dict[str, str]] = {
    BatchNorm: {"mean": "running_mean", "var": "running_var"},
    **dict.fromkeys((RNN, GRU, LSTM), _RECURRENT),
    MultiHeadAttention: {
        "input.weight": "in_proj_weight",
        "input.bias": "in_proj_bias",
        "output.weight": "out_proj.weight",
        "output.bias": "out_proj.bias",
    },
    TransformerBlock: {"attention": "", "feedforward": ""},
}
"""PyTorch's names of a layer's arrays or parts, where they differ from xpnet's; "" for a part without a name there."""

OUTPUTS_FIRST: dict[type, tuple[str, ...]] = {
    **dict.fromkeys((Dense, Conv1D, Conv2D), ("weight",)),
    **dict.fromkeys((RNN, GRU, LSTM), tuple(name for name in _RECURRENT if "bias" not in name)),
    MultiHeadAttention: ("input.weight", "output.weight"),
}
"""The arrays of a layer that are (..., in, out) in xpnet and (out, in, ...) in PyTorch."""

INPUTS_FIRST: dict[type, tuple[str, ...]] = dict.fromkeys((ConvTranspose1D, ConvTranspose2D), ("weight",))
"""The arrays that are (..., in / groups, out) in xpnet and (in, out / groups, ...) in PyTorch; all others are equal."""


class Layout(NamedTuple):
    """The layout of an array in PyTorch.

    name: its name there.
    apart: its shape in xpnet, with the groups as an axis of their own.
    axes: the order of these axes in PyTorch.
    shape: its shape in PyTorch.
    """

    name: str
    apart: Shape
    axes: Shape
    shape: Shape

    def there(self, x: np.ndarray) -> np.ndarray:
        """An array of xpnet's as PyTorch's, in C order."""
        return np.array(np.transpose(np.reshape(x, self.apart), self.axes).reshape(self.shape), order="C")

    def here(self, x: np.ndarray) -> np.ndarray:
        """An array of PyTorch's as xpnet's, its groups still an axis."""
        return np.transpose(x.reshape([self.apart[axis] for axis in self.axes]), np.argsort(self.axes))


@checked
def to_torch(model: Any) -> dict[str, np.ndarray]:
    """Parameters and buffers with PyTorch's names and layouts, as NumPy arrays: copies.

    They fit a `torch.nn.Sequential` of the same layers: "0.weight" (out, in) of a Linear, "1.running_mean" of a
    BatchNorm, "2.self_attn.in_proj_weight" of a TransformerEncoderLayer, "3.weight_ih_l0" of an RNN, GRU or LSTM with
    one layer, whose outputs are a tuple there. An activation that is part of a Dense has no number in xpnet; write it
    as a layer of its own, so that the numbers agree. `from_torch` needs no equal numbers.
    PyTorch flattens images channels first: with `Permute((3, 1, 2))` before `Flatten` the weights after it agree.
    """
    state = {}
    for name, value in {**model.params, **model.buffers}.items():
        layout = _layout(model.network, name, tuple(value.shape))
        state[layout.name] = layout.there(model.backend.to_numpy(value))
    return state


@checked
def from_torch(model: Any, state: Mapping[str, Any]) -> None:
    """Sets the parameters and buffers of a built model from a `state_dict`, or from its arrays in NumPy.

    See `to_torch` for the layers. Layers with other numbers are taken in order: the state of
    `nn.Sequential(Linear, ReLU, Linear)`, "0.weight" and "2.weight", fits `Sequential(Dense(8, "relu"), Dense(3))`.
    TypeError or ValueError for a state that does not fit; the model is then unchanged.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"state: a dict of arrays by name was wanted, such as module.state_dict(), {shown(state)} came"
        )
    left = {name: x for name, x in state.items() if not str(name).endswith("num_batches_tracked")}
    before, after = (model.params, model.buffers), []
    wanted = [
        _layout(model.network, name, tuple(x.shape)).name for part in before for name, x in part.items()
    ]
    names = _in_order([str(name).split(".") for name in left], [name.split(".") for name in wanted])
    left = dict(zip([".".join(name) for name in names], left.values(), strict=True))
    for part in before:
        after.append({name: _taken(left, model.network, name, tuple(x.shape)) for name, x in part.items()})
    if left:
        raise ValueError(
            f"state: {shown(next(iter(left)))} is not an array of this network: make it of the same layers, in order"
        )
    try:
        model.params, model.buffers = after
    except BaseException:
        model.params, model.buffers = before
        raise


def _in_order(names: list[list[str]], wanted: list[list[str]]) -> list[list[str]]:
    """The names with the wanted numbers of layers, where a container has as many layers under other numbers."""
    ours, theirs = ({name[0] for name in given if name} for given in (wanted, names))
    number = dict(zip(theirs, theirs, strict=True))
    if ours != theirs and len(ours) == len(theirs) and all(head.isdigit() for head in ours | theirs):
        number = dict(zip(sorted(theirs, key=int), sorted(ours, key=int), strict=True))
    found = list(names)
    for head in theirs:
        places = [place for place, name in enumerate(names) if name and name[0] == head]
        below = [name[1:] for name in wanted if name and name[0] == number[head]]
        inner = _in_order([names[place][1:] for place in places], below)
        for place, rest in zip(places, inner, strict=True):
            found[place] = [number[head], *rest]
    return found


def _layout(network: Any, name: str, shape: Shape) -> Layout:
    """The layout in PyTorch of xpnet's array of this name and shape."""
    layer, path, named = network, name.split("."), []
    while isinstance(layer, Container | TransformerBlock):
        part = path.pop(0)
        named.append(NAMES.get(type(layer), {}).get(part, part))
        layer = dict(layer.children)[part]
    last, axes = ".".join(path), tuple(range(len(shape)))
    named.append(NAMES.get(type(layer), {}).get(last, last))
    theirs = ".".join(filter(None, named))
    if last in OUTPUTS_FIRST.get(type(layer), ()):
        axes = (axes[-1], axes[-2], *axes[:-2])
    elif last in INPUTS_FIRST.get(type(layer), ()):
        *kernel, a, out = shape
        each, groups = out // layer.groups, layer.groups
        k = len(kernel)
        apart = (*kernel, a, groups, each)
        return Layout(theirs, apart, (k + 1, k, k + 2, *range(k)), (groups * a, each, *kernel))
    return Layout(theirs, shape, axes, tuple(shape[axis] for axis in axes))


def _on_host(given: Any) -> np.ndarray:
    """An array or a tensor as a NumPy array; in float32 where NumPy lacks its format, such as bfloat16."""
    if not hasattr(given, "detach"):
        return np.asarray(given)
    tensor = given.detach().cpu()
    try:
        return np.asarray(tensor)
    except TypeError:
        return np.asarray(tensor.float())


def _taken(left: Flat, network: Any, name: str, shape: Shape) -> np.ndarray:
    """Takes PyTorch's array of xpnet's name out of `left`, and returns it in xpnet's layout."""
    layout = _layout(network, name, shape)
    if layout.name not in left:
        has = f", and of what it has {shown(sorted(left))} is left" if left else ""
        raise ValueError(f"state has no {layout.name!r}{has}: make the network of the same layers, in order")
    given = left.pop(layout.name)
    array = _on_host(given)
    if array.shape != layout.shape:
        raise ValueError(
            f"state: {layout.name!r} is {array.shape}, this network's is {layout.shape}: make its layers as large"
        )
    return layout.here(array).reshape(shape)
