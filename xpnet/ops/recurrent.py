"""Recurrent networks on sequences, as PyTorch defines them."""

from __future__ import annotations

from ..errors import choose
from ..typing import Array, Pullback
from .cells import GRU, LSTM, RELU, TANH
from .scan import run

NONLINEARITIES = ("tanh", "relu")
"""What the function of an `rnn` may be."""


def rnn(
    x: Array,
    h0: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    /,
    *,
    nonlinearity: str = "tanh",
    mask: Array | None = None,
    reverse: bool = False,
    last: bool = False,
    wants_dx: bool = True,
) -> tuple[Array, Pullback]:
    """Elman's recurrent network.

    h_t = f(a_t + z_t), a_t = x_t w + b, z_t = h_t-1 u + v, f tanh or relu;
    da_t = dz_t = dh_t f'(a_t + z_t), dh_t-1 = dz_t u^T, dx_t = da_t w^T
    x (n, time, in), h0 (n, h), w (in, h), u (h, h), b and v (h,) or both left out -> y (n, time, h), every h_t; with
    `last` the h after the last time, (n, h). mask (n, time) bool: where it is false, h stays and y is 0. `reverse`
    goes from the last time to the first. The pullback gives None for x without `wants_dx`.
    Source: Elman, 1990, Cognitive Science 14; the form is PyTorch's.
    """
    choose("rnn: nonlinearity", nonlinearity, NONLINEARITIES)
    cell = TANH if nonlinearity == "tanh" else RELU
    return run("rnn", cell, x, (h0,), w, u, b, v, mask=mask, reverse=reverse, last=last, wants_dx=wants_dx)


def gru(
    x: Array,
    h0: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    /,
    *,
    mask: Array | None = None,
    reverse: bool = False,
    last: bool = False,
    wants_dx: bool = True,
) -> tuple[Array, Pullback]:
    """Gated recurrent unit; three gates r, k and c, in this order along the last axis of w, u, b and v.

    r = s(a_r + z_r), k = s(a_k + z_k), c = tanh(a_c + r z_c), h_t = c + k (h_t-1 - c), with a_t = x_t w + b,
    z_t = h_t-1 u + v and s the logistic sigmoid;
    dc = dh (1 - k), da_c = dc (1 - c^2), dz_c = da_c r, dr = da_c z_c, dk = dh (h_t-1 - c), da_r = dz_r = dr r (1 - r),
    da_k = dz_k = dk k (1 - k), dh_t-1 = dh k + dz u^T, dx_t = da w^T
    w (in, 3 h), u (h, 3 h), b and v (3 h,); all else as for `rnn`.
    Source: Cho et al., 2014, arXiv:1406.1078; the form, with v inside the product with r, is PyTorch's.
    """
    return run("gru", GRU, x, (h0,), w, u, b, v, mask=mask, reverse=reverse, last=last, wants_dx=wants_dx)


def lstm(
    x: Array,
    h0: Array,
    c0: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    /,
    *,
    mask: Array | None = None,
    reverse: bool = False,
    last: bool = False,
    wants_dx: bool = True,
) -> tuple[Array, Pullback]:
    """Long short-term memory; four gates i, f, g and o, in this order along the last axis of w, u, b and v.

    i, f, o = s(a + z) and g = tanh(a + z), each at its part, c_t = f c_t-1 + i g, h_t = o tanh(c_t), with
    a_t = x_t w + b, z_t = h_t-1 u + v and s the logistic sigmoid;
    dc = dc_t + dh o (1 - tanh(c_t)^2), di = dc g, df = dc c_t-1, dg = dc i, do = dh tanh(c_t), da = dz = those times
    s' = s (1 - s) or 1 - g^2, dc_t-1 = dc f, dh_t-1 = dz u^T, dx_t = da w^T
    c0 (n, h), w (in, 4 h), u (h, 4 h), b and v (4 h,); all else as for `rnn`, c being held like h.
    Source: Hochreiter, Schmidhuber, 1997, Neural Computation 9; with forget gates, Gers et al., 2000. As in PyTorch.
    """
    return run(
        "lstm", LSTM, x, (h0, c0), w, u, b, v, mask=mask, reverse=reverse, last=last, wants_dx=wants_dx
    )
