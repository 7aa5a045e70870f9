"""Gated linear units: one half of the features opens or closes the other."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sigmoid import sigmoid
from .silu import silu


def glu(x: Array, /) -> tuple[Array, Pullback]:
    """Gated linear unit.

    y = a sigmoid(b), (a | b) = x;
    dx = (da | db), da = dy sigmoid(b), db = dy a sigmoid(b) (1 - sigmoid(b))
    x (..., 2 c) -> y (..., c). Source: Dauphin et al., 2016, arXiv:1612.08083.
    """
    a, b = _halves("glu", x)
    s, pull = sigmoid(b)

    def pullback(dy: Array) -> tuple[Array]:
        return (namespace(x).concat((dy * s, *pull(dy * a)), axis=-1),)

    return a * s, pullback


def swiglu(x: Array, /) -> tuple[Array, Pullback]:
    """Gated linear unit whose gate is swish.

    y = silu(a) b, (a | b) = x;  dx = (da | db), da = dy b silu'(a), db = dy silu(a)
    x (..., 2 c) -> y (..., c). Source: Shazeer, 2020, arXiv:2002.05202, which has the gate first, and `glu` second.
    """
    a, b = _halves("swiglu", x)
    gate, pull = silu(a)

    def pullback(dy: Array) -> tuple[Array]:
        return (namespace(x).concat((*pull(dy * b), dy * gate), axis=-1),)

    return gate * b, pullback


def _halves(op: str, x: Array) -> tuple[Array, Array]:
    half, odd = divmod(x.shape[-1], 2)
    if odd:
        raise ValueError(f"{op}: x {x.shape} has {x.shape[-1]} features: an even number was wanted, to halve")
    return x[..., :half], x[..., half:]
