"""Attention with several heads, of a sequence to itself or to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..errors import batch_of, flag
from ..init import initial
from ..namespace import namespace
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, require_between, require_count
from .context import Context


@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    """Attention in `heads` parts of the features, each by itself; see `ops.attention`.

    x (n, time, f) attends to itself: x -> y (n, time, features). For a tuple (query, memory), the query (n, t, f)
    attends to the memory (n, s, f), and dx is a tuple too. Positions where `ctx.mask` is false are no keys; a third
    member of the tuple is the memory's mask (n, s).
    heads: the number of parts, which divides the features.
    features: of the output; None is f.
    causal: position i attends to the positions j <= i only.
    dropout: the rate at which weights of the attention are dropped while training.
    bias: False leaves both biases out.
    Parameters input.weight (f, 3 features) for queries, keys and values, by Glorot's rule; output.weight
    (features, features), uniform within 1 / sqrt(features); input.bias and output.bias, which start at 0.
    Definition and initial values are those of PyTorch's MultiheadAttention.

    >>> xn.MultiHeadAttention(heads=4).output_shape((20, 32))
    (20, 32)
    """

    heads: int
    features: int | None = None
    causal: bool = False
    dropout: float = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("MultiHeadAttention", "heads", self.heads)
        if self.features is not None:
            require_count("MultiHeadAttention", "features", self.features)
            require_shares(self, self.heads, self.features)
        flag("MultiHeadAttention: causal", self.causal)
        flag("MultiHeadAttention: bias", self.bias)
        wanted = "is not in [0, 1): it is the share of the attention's weights to drop"
        require_between("MultiHeadAttention", "dropout", self.dropout, 0, 1, wanted)

    def output_shape(self, input_shape: Shape) -> Shape:
        query, memory = _shapes(self, input_shape)
        if query[-1] != memory[-1]:
            raise ValueError(
                f"{self!r}: query {batch_of(query)} and memory {batch_of(memory)} must have the same number of "
                "features: put a Dense before one of them"
            )
        units = self.features or query[-1]
        require_shares(self, self.heads, units)
        return (query[0], units)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        output_shape, (query, _) = self.output_shape(input_shape), _shapes(self, input_shape)
        units = output_shape[-1]
        limit = 1.0 / math.sqrt(units)
        params: Nested = {
            "input": {"weight": initial("glorot", rng, (query[-1], 3 * units), dtype)},
            "output": {"weight": initial(("uniform", -limit, limit), rng, (units, units), dtype)},
        }
        if self.bias:
            for part in params.values():
                part["bias"] = initial("zeros", rng, part["weight"].shape[1:], dtype)
        return params, {}, output_shape

    def forward(self, params: Nested, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        own, out, crossed = params["input"], params["output"], isinstance(x, tuple)
        if crossed and len(x) not in (2, 3):
            raise ValueError(
                f"{self!r}: a tuple of {len(x)} came: give (query, memory), or (query, memory, mask)"
            )
        query, memory, mask = (*x, None)[:3] if crossed else (x, x, ctx.mask)
        _require_mask(self, mask, memory)
        units = out["weight"].shape[0]
        given = ((query, slice(0, 1)), (memory, slice(1, 3))) if crossed else ((x, slice(0, 3)),)
        qkv: list[Array] = []
        pulls = []
        for source, part in given:
            columns = slice(part.start * units, part.stop * units)
            bias = (own["bias"][columns],) if self.bias else ()
            y, pull = ops.linear(source, own["weight"][:, columns], *bias, wants_dx=ctx.wants_dx)
            qkv += _apart(y, part.stop - part.start, self.heads)
            pulls.append((pull, part))
        rate = self.dropout if ctx.train else 0.0
        key = ctx.key if rate else None
        y, pull_attention = ops.attention(*qkv, mask=mask, causal=self.causal, rate=rate, key=key)
        bias = (out["bias"],) if self.bias else ()
        y, pull_output = ops.linear(_together([y]), out["weight"], *bias)
        members = len(x) if crossed else 1

        def pullback(dy: Array) -> tuple[Any, Nested]:
            dy, *douts = pull_output(dy)
            dqkv = pull_attention(*_apart(dy, 1, self.heads))
            dx, dins = [], []
            for pull, part in pulls:
                d, *dparts = pull(_together(dqkv[part]))
                dx.append(d)
                dins.append(dparts)
            names = ("weight", "bias")[: len(douts)]
            grads = {
                "input": {
                    name: _side_by_side(parts)
                    for name, parts in zip(names, zip(*dins, strict=True), strict=True)
                },
                "output": dict(zip(names, douts, strict=True)),
            }
            if not ctx.wants_dx:
                return None, grads
            return (*dx, None)[:members] if crossed else dx[0], grads

        return y, pullback


def require_shares(layer: Layer, heads: int, features: int) -> None:
    """ValueError where the number of heads does not divide the features."""
    if features % heads:
        raise ValueError(
            f"{layer!r}: {features} features cannot be shared among {heads} heads: choose heads that divide them"
        )


def require_sequences(layer: Layer, input_shape: Shape) -> None:
    """ValueError for samples that are no sequences of features."""
    if len(input_shape) != 2:
        raise ValueError(
            f"{layer!r} takes sequences (n, time, features), these are {batch_of(input_shape)}: "
            "put Reshape or an Embedding before it"
        )


def _shapes(layer: Layer, input_shape: Any) -> tuple[Shape, Shape]:
    """The shapes of query and memory, which are equal for one sequence."""
    crossed = len(input_shape) > 0 and isinstance(input_shape[0], tuple)
    query, memory = input_shape[:2] if crossed else (input_shape, input_shape)
    require_sequences(layer, query)
    require_sequences(layer, memory)
    return query, memory


def _require_mask(layer: Layer, mask: Array | None, memory: Array) -> None:
    wanted = memory.shape[:2]
    if mask is not None and mask.shape != wanted:
        raise ValueError(
            f"{layer!r}: mask {tuple(mask.shape)} must be {tuple(wanted)}, one for each position of the sequences "
            f"{tuple(memory.shape)} that are looked at"
        )


def _apart(x: Array, count: int, heads: int) -> list[Array]:
    """(n, time, count units) -> `count` arrays (n, heads, time, units / heads)."""
    xp, (n, time, width) = namespace(x), x.shape
    parts = xp.reshape(x, (n, time, count, heads, width // (count * heads)))
    parts = xp.permute_dims(parts, (2, 0, 3, 1, 4))
    return [parts[index, ...] for index in range(count)]


def _together(arrays: Sequence[Array]) -> Array:
    """The inverse of `_apart`."""
    xp, (n, heads, time, width) = namespace(arrays[0]), arrays[0].shape
    x = xp.stack([xp.permute_dims(a, (0, 2, 1, 3)) for a in arrays], axis=2)
    return xp.reshape(x, (n, time, len(arrays) * heads * width))


def _side_by_side(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=-1)
