"""The rows of embeddings and recurrent networks, ops and layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ... import layers, ops
from ...layers import Pass
from ...namespace import device
from ...ops.embedding import FEW
from ...typing import Array, Pullback
from ..case import Case, layer_case
from ..draws import Draw, labels, normal
from . import plain


def _picked(xp: Any, table: Array, ids: Array) -> Array:
    rows = xp.arange(table.shape[0], dtype=ids.dtype, device=device(ids))
    return xp.astype(ids[..., None] == rows, table.dtype) @ table


def _elman(f: Callable[[Any, Array], Array]) -> Any:
    return lambda xp, a, z, h: (f(xp, a + z),)


def _gated(xp: Any, a: Array, z: Array, h: Array) -> tuple[Array]:
    size = h.shape[1]
    r = plain.logistic(xp, a[:, :size] + z[:, :size])
    k = plain.logistic(xp, a[:, size : 2 * size] + z[:, size : 2 * size])
    c = plain.tanh(xp, a[:, 2 * size :] + r * z[:, 2 * size :])
    return ((1.0 - k) * c + k * h,)


def _long(xp: Any, a: Array, z: Array, h: Array, c: Array) -> tuple[Array, Array]:
    size, sums = h.shape[1], a + z
    i, f, g, o = (sums[:, k * size : (k + 1) * size] for k in range(4))
    c = plain.logistic(xp, f) * c + plain.logistic(xp, i) * plain.tanh(xp, g)
    return plain.logistic(xp, o) * plain.tanh(xp, c), c


def _along(
    cell: Any,
    xp: Any,
    x: Array,
    states: tuple[Array, ...],
    w: Array,
    u: Array,
    b: Any = 0.0,
    v: Any = 0.0,
    *,
    mask: Any = None,
    reverse: bool = False,
    last: bool = False,
) -> Array:
    """A recurrent cell applied at one time after another."""
    found = []
    times = range(x.shape[1])
    for t in reversed(times) if reverse else times:
        new = cell(xp, x[:, t, :] @ w + b, states[0] @ u + v, *states)
        y = new[0]
        if mask is not None:
            real = mask[:, t][:, None]
            new = tuple(xp.where(real, s, old) for s, old in zip(new, states, strict=True))
            y = xp.where(real, y, xp.zeros_like(y))
        states = new
        found.append(y)
    return states[0] if last else xp.stack(found[::-1] if reverse else found, axis=1)


def _op(
    name: str, cell: Any, gates: int, states: int, *, bias: bool = True, mask: bool = False, **options: Any
) -> Case:
    """A row of a recurrent op: 3 times, 2 features, 2 units."""
    arrays = [normal("n", 3, 2), *[normal("n", 2)] * states, normal(2, 2 * gates), normal(2, 2 * gates)]
    kept = {key: value for key, value in options.items() if key in ("reverse", "last")}

    def formula(xp: Any, x: Array, *rest: Array, mask: Any = None) -> Array:
        return _along(cell, xp, x, rest[:states], *rest[states:], mask=mask, **kept)

    return Case(
        name,
        getattr(ops, name.partition(",")[0]),
        (*arrays, *([normal(2 * gates)] * 2 if bias else [])),
        {"mask": Draw(("n", 3), lambda rng, shape: rng.random(shape) < 0.6)} if mask else {},
        options,
        plain=formula,
        rows=(2, 0),
    )


_tanh, _relu = _elman(plain.tanh), _elman(lambda xp, x: xp.where(x > 0, x, xp.zeros_like(x)))

OPS = (
    Case("embedding", ops.embedding, (normal(7, 2),), {"ids": labels("n", 3, classes=7)}, plain=_picked),
    Case(
        "embedding, many rows",
        ops.embedding,
        (normal(FEW + 1, 1),),
        {"ids": Draw(("n", 4), lambda rng, shape: rng.choice([0, 1, FEW - 1, FEW], shape))},
        plain=_picked,
        rows=(5, 0),
    ),
    _op("rnn, tanh", _tanh, 1, 1),
    _op("rnn, relu, masked, the last", _relu, 1, 1, mask=True, last=True, nonlinearity="relu"),
    _op("gru", _gated, 3, 1),
    _op("gru, masked, backwards", _gated, 3, 1, mask=True, reverse=True),
    _op("gru, the last, no bias", _gated, 3, 1, bias=False, last=True),
    _op("lstm", _long, 4, 2),
    _op("lstm, masked", _long, 4, 2, mask=True),
    _op("lstm, masked, backwards, the last", _long, 4, 2, mask=True, reverse=True, last=True),
)


def _layer(cell: Any, states: int, *, bias: bool = True, both: bool = False, last: bool = False) -> Any:
    """The plain formula of a recurrent layer, by its parameters' names."""
    names = ("weight", "recurrent", "bias", "recurrent_bias")[: 4 if bias else 2]

    def formula(xp: Any, x: Array, p: dict[str, Array]) -> Array:
        shape = x.shape[0], p["recurrent"].shape[0]
        start = (xp.zeros(shape, dtype=x.dtype, device=device(x)),) * states
        ways = (([p[name + end] for name in names], bool(end)) for end in ("", "_reverse")[: 1 + both])
        found = [_along(cell, xp, x, start, *arrays, reverse=back, last=last) for arrays, back in ways]
        return xp.concat(found, axis=-1)

    return formula


def _looked_up(table: Array, /, *, ids: Array) -> tuple[Array, Pullback]:
    """The layer as a function of its table alone, for ids have no derivative."""
    layer, run = layers.Embedding(*table.shape), Pass(train=True, grad=True)
    y, pull = layer.forward({"weight": table}, ids, run.context())
    return y, lambda dy: (pull(dy)[1]["weight"],)


LAYERS = (
    Case(
        "Embedding",
        _looked_up,
        (normal(7, 2),),
        {"ids": labels("n", 3, classes=7)},
        plain=_picked,
        layer=layers.Embedding,
    ),
    layer_case("Masking", layers.Masking(), 3, 2, plain=lambda xp, x, p: x),
    layer_case(
        "RNN, relu, no bias",
        layers.RNN(2, bias=False, nonlinearity="relu"),
        3,
        2,
        plain=_layer(_relu, 1, bias=False),
    ),
    layer_case(
        "GRU, both directions", layers.GRU(2, bidirectional=True), 3, 2, plain=_layer(_gated, 1, both=True)
    ),
    layer_case(
        "LSTM, both directions, the last",
        layers.LSTM(2, bidirectional=True, last=True),
        3,
        2,
        plain=_layer(_long, 2, both=True, last=True),
    ),
)

SEQUENCE = (*OPS, *(replace(case, rows=(2, 0)) for case in LAYERS))
