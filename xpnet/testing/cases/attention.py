"""The rows of attention, positions and transformer blocks, ops and layers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ... import layers, ops
from ...namespace import device
from ...typing import Array
from ..case import Case, layer_case
from ..draws import Draw, key, normal
from . import plain


def _attention(xp: Any, q: Array, k: Array, v: Array, mask: Any = None, causal: bool = False) -> Array:
    """Weights exp(z) divided by the sum of the unmasked ones; the sum counts as 1 where all are masked."""
    e = xp.exp(q @ xp.matrix_transpose(k) / math.sqrt(q.shape[-1]))
    if causal:
        e = xp.tril(e)
    if mask is not None:
        e = e * xp.astype(xp.reshape(mask, (mask.shape[0], *(1,) * (q.ndim - 2), mask.shape[1])), e.dtype)
    total = xp.sum(e, axis=-1, keepdims=True)
    return e / (total + xp.astype(total == 0, e.dtype)) @ v


def _heads(xp: Any, x: Array, p: Any, heads: int, **options: Any) -> Array:
    """Multi-head attention, head by head, each with its columns of the weights."""
    w, b = p["input.weight"], p.get("input.bias", 0.0 * p["input.weight"][0, :])
    units = w.shape[1] // 3
    each, found = units // heads, []
    for head in range(heads):
        columns = [slice(part * units + head * each, part * units + (head + 1) * each) for part in range(3)]
        q, k, v = (x @ w[:, c] + b[c] for c in columns)
        found.append(_attention(xp, q, k, v, **options))
    y = xp.concat(found, axis=-1) @ p["output.weight"]
    return y + p["output.bias"] if "output.bias" in p else y


def _waves(xp: Any, x: Array) -> Array:
    """The positional encoding, number by number."""
    time, c = x.shape[-2:]
    rows = [
        [(math.cos if i % 2 else math.sin)(t * 10000.0 ** (-(i - i % 2) / c)) for i in range(c)]
        for t in range(time)
    ]
    return x + xp.asarray(rows, dtype=x.dtype, device=device(x))


def _under(name: str, p: dict[str, Array]) -> dict[str, Array]:
    return {key.removeprefix(f"{name}."): value for key, value in p.items() if key.startswith(f"{name}.")}


def _block(xp: Any, x: Array, p: dict[str, Array], norm_first: bool = False) -> Array:
    """A transformer block, post-norm and causal, or pre-norm."""

    def norm(name: str, z: Array) -> Array:
        return plain.layer_norm(xp, z, p[f"{name}.weight"], p[f"{name}.bias"])

    def attend(z: Array) -> Array:
        return _heads(xp, z, _under("attention.self_attn", p), 2, causal=not norm_first)

    def dense(z: Array) -> Array:
        one, two = _under("feedforward.linear1", p), _under("feedforward.linear2", p)
        return plain.tanh(xp, z @ one["weight"] + one["bias"]) @ two["weight"] + two["bias"]

    if norm_first:
        x = x + attend(norm("attention.norm1", x))
        return x + dense(norm("feedforward.norm2", x))
    x = norm("norm1", x + attend(x))
    return norm("norm2", x + dense(x))


def _masks(*shape: int | str) -> Draw:
    """Masks that keep two of three keys, and none for the last sample."""

    def sample(rng: Any, concrete: tuple[int, ...]) -> Any:
        mask = rng.uniform(size=concrete) < 2 / 3
        mask[1:][-1:] = False
        return mask

    return Draw(shape, sample)


Q, K, V = normal("n", 2, 3, 4), normal("n", 2, 5, 4), normal("n", 2, 5, 3)

OPS = (
    Case("attention", ops.attention, (Q, K, V), plain=_attention),
    Case(
        "attention, causal, one sequence",
        ops.attention,
        (normal(5, 3), normal(4, 3), normal(4, 2)),
        options={"causal": True},
        plain=lambda xp, q, k, v: _attention(xp, q, k, v, causal=True),
    ),
    Case(
        "attention, padding",
        ops.attention,
        (Q, K, V),
        keywords={"mask": _masks("n", 5)},
        plain=_attention,
    ),
    Case(
        "attention, padding, causal",
        ops.attention,
        (normal("n", 5, 4), normal("n", 5, 4), normal("n", 5, 2)),
        keywords={"mask": _masks("n", 5)},
        options={"causal": True},
        plain=lambda xp, q, k, v, mask: _attention(xp, q, k, v, mask, causal=True),
    ),
    Case(
        "attention, dropout",
        ops.attention,
        (Q, K, V),
        keywords={"mask": _masks("n", 5), "key": key()},
        options={"rate": 0.4},
    ),
    Case("positional_encoding", ops.positional_encoding, (normal("n", 6, 4),), plain=_waves),
    Case("positional_encoding, odd", ops.positional_encoding, (normal("n", 2, 4, 5),), plain=_waves),
    Case(
        "position_embedding",
        ops.position_embedding,
        (normal("n", 3, 2), normal(5, 2)),
        plain=lambda xp, x, table: x + table[:3, :],
    ),
    Case(
        "position_embedding, all of it",
        ops.position_embedding,
        (normal("n", 3, 2), normal(3, 2)),
        plain=lambda xp, x, table: x + table,
    ),
)

LAYERS = (
    layer_case(
        "MultiHeadAttention",
        layers.MultiHeadAttention(2),
        4,
        6,
        plain=lambda xp, x, p: _heads(xp, x, p, 2),
    ),
    layer_case(
        "MultiHeadAttention, causal, other features, no bias",
        layers.MultiHeadAttention(2, 4, causal=True, bias=False),
        4,
        3,
        plain=lambda xp, x, p: _heads(xp, x, p, 2, causal=True),
    ),
    layer_case("MultiHeadAttention, dropout", layers.MultiHeadAttention(1, dropout=0.4), 4, 2),
    layer_case("PositionalEncoding", layers.PositionalEncoding(), 3, 4, plain=lambda xp, x, p: _waves(xp, x)),
    layer_case(
        "PositionEmbedding",
        layers.PositionEmbedding(5),
        3,
        2,
        plain=lambda xp, x, p: x + p["weight"][:3, :],
    ),
    layer_case(
        "TransformerBlock",
        layers.TransformerBlock(2, 5, activation="tanh", causal=True),
        3,
        4,
        plain=_block,
    ),
    layer_case(
        "TransformerBlock, norm first",
        layers.TransformerBlock(2, 5, activation="tanh", norm_first=True),
        3,
        4,
        plain=lambda xp, x, p: _block(xp, x, p, norm_first=True),
    ),
    layer_case("TransformerBlock, dropout", layers.TransformerBlock(2, 3, dropout=0.3), 2, 4),
    layer_case(
        "Repeat",
        layers.Repeat(layers.Dense(3, "tanh"), 3),
        3,
        plain=lambda xp, x, p: _again(xp, x, p),
    ),
    layer_case(
        "Repeat, dropout and batch norm",
        layers.Repeat(layers.Sequential(layers.Dropout(0.3), layers.BatchNorm()), 2),
        3,
        rows=(5,),
    ),
)


def _again(xp: Any, x: Array, p: dict[str, Array]) -> Array:
    for _ in range(3):
        x = plain.tanh(xp, x @ p["0.weight"] + p["0.bias"])
    return x


ATTENTION = (
    *(replace(case, rows=(3, 0)) for case in OPS),
    *(replace(case, rows=(3, 1)) for case in LAYERS[:-1]),
    LAYERS[-1],
)
