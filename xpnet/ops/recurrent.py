"""Recurrent networks on sequences, as PyTorch defines them."""

from __future__ import annotations

from ..errors import choose
from ..typing import Array, Pullback
from .cells import GRU, LSTM, RELU, TANH
from .scan import run

NONLINEARITIES = ("tanh", "relu")
"""The functions of an `rnn`."""


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

    y_t = h_t, h_t = f(a_t + z_t), a_t = x_t w + b, z_t = h_t-1 u + v, h_0 = h0, f = nonlinearity;
    da_t = dz_t = dh_t f'(a_t + z_t), dh_t-1 = dy_t-1 + dz_t u^T, dh0 = dz_1 u^T,
    dx_t = da_t w^T, dw = sum_t x_t^T da_t, du = sum_t h_t-1^T dz_t, db = sum da, dv = sum dz
    x (n, time, in), h0 (n, h), w (in, h), u (h, h), b and v (h,) or both left out -> y (n, time, h); with `last` only
    the h after the last time, (n, h). mask (n, time) bool: where it is false, h stays and y is 0. `reverse`
    goes from the last time to the first. The pullback returns None for x without `wants_dx`.
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

    y_t = h_t, h_t = c + k_t (h_t-1 - c), r = sigmoid(ar + zr), k_t = sigmoid(ak + zk), c = tanh(ac + r zc),
    (ar | ak | ac) = x_t w + b, (zr | zk | zc) = h_t-1 u + v, h_0 = h0;
    dac = dh_t (1 - k_t) (1 - c^2), dzc = dac r, dar = dzr = dac zc r (1 - r),
    dak = dzk = dh_t (h_t-1 - c) k_t (1 - k_t), da_t = (dar | dak | dac), dz_t = (dzr | dzk | dzc),
    dh_t-1 = dy_t-1 + dh_t k_t + dz_t u^T, dh0 = dh_1 k_1 + dz_1 u^T,
    dx_t = da_t w^T, dw = sum_t x_t^T da_t, du = sum_t h_t-1^T dz_t, db = sum da, dv = sum dz
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

    y_t = h_t, h_t = o tanh(c_t), c_t = f_t c_t-1 + i g, i = sigmoid(ai), f_t = sigmoid(af), g = tanh(ag),
    o = sigmoid(ao), (ai | af | ag | ao) = x_t w + b + h_t-1 u + v, h_0 = h0, c_0 = c0;
    ds_t = dc_t + dh_t o (1 - tanh(c_t)^2), dai = ds_t g i (1 - i), daf = ds_t c_t-1 f_t (1 - f_t),
    dag = ds_t i (1 - g^2), dao = dh_t tanh(c_t) o (1 - o), da_t = (dai | daf | dag | dao),
    dc_t-1 = ds_t f_t, dc0 = ds_1 f_1, dh_t-1 = dy_t-1 + da_t u^T, dh0 = da_1 u^T,
    dx_t = da_t w^T, dw = sum_t x_t^T da_t, du = sum_t h_t-1^T da_t, db = dv = sum da
    c0 (n, h), w (in, 4 h), u (h, 4 h), b and v (4 h,); all else as for `rnn`, c being held like h.
    Source: Hochreiter, Schmidhuber, 1997, Neural Computation 9; with forget gates, Gers et al., 2000. As in PyTorch.
    """
    return run(
        "lstm", LSTM, x, (h0, c0), w, u, b, v, mask=mask, reverse=reverse, last=last, wants_dx=wants_dx
    )
