"""The cells of recurrent networks: one time step without the products with w and u, and its derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..typing import Array, Namespace
from .activations import relu

States = tuple[Array, ...]


class Cell(NamedTuple):
    """One time step of a network, from a (n, gates h) = x w + b and z (n, gates h) = h u + v, h being the first state.

    gates: the number of parts of a and z.
    forward: (xp, a, z, *states) -> (states, residuals).
    backward: (xp, dstates, *residuals) -> (da, dz, dstates). dstates is without the part through z, None where nothing
        is left of it. da and dz are one array where they are equal.
    """

    gates: int
    forward: Callable[..., tuple[States, States]]
    backward: Callable[..., tuple[Array, Array, tuple[Array | None, ...]]]


def _sigmoid(xp: Namespace, x: Array) -> Array:
    """The sigmoid in fewer calls than `sigmoid`; its error is relative to 1, enough for a factor: a gate is 0 early."""
    return 0.5 * xp.tanh(0.5 * x) + 0.5


def _tanh(xp: Namespace, a: Array, z: Array, h: Array) -> tuple[States, States]:
    h = xp.tanh(a + z)
    return (h,), (h,)


def _tanh_back(xp: Namespace, dstates: States, h: Array) -> tuple[Array, Array, tuple[None]]:
    da = dstates[0] * (1.0 - h * h)
    return da, da, (None,)


def _relu(xp: Namespace, a: Array, z: Array, h: Array) -> tuple[States, States]:
    h, _ = relu(a + z)
    return (h,), (h,)


def _relu_back(xp: Namespace, dstates: States, h: Array) -> tuple[Array, Array, tuple[None]]:
    da = xp.where(h > 0, dstates[0], 0.0)
    return da, da, (None,)


def _gru(xp: Namespace, a: Array, z: Array, h: Array) -> tuple[States, States]:
    size = h.shape[1]
    gates = _sigmoid(xp, a[:, : 2 * size] + z[:, : 2 * size])
    z = z[:, 2 * size :]
    c = xp.tanh(a[:, 2 * size :] + gates[:, :size] * z)
    change = h - c
    return (c + gates[:, size:] * change,), (gates, z, c, change)


def _gru_back(
    xp: Namespace, dstates: States, gates: Array, z: Array, c: Array, change: Array
) -> tuple[Array, Array, States]:
    (dh,), size = dstates, c.shape[1]
    kept = dh * gates[:, size:]
    dc = (dh - kept) * (1.0 - c * c)
    dgates = xp.concat([dc * z, dh * change], axis=1) * gates * (1.0 - gates)
    return xp.concat([dgates, dc], axis=1), xp.concat([dgates, dc * gates[:, :size]], axis=1), (kept,)


def _lstm(xp: Namespace, a: Array, z: Array, h: Array, c: Array) -> tuple[States, States]:
    size, a = h.shape[1], a + z
    gates, g = _sigmoid(xp, a), xp.tanh(a[:, 2 * size : 3 * size])
    new = gates[:, size : 2 * size] * c + gates[:, :size] * g
    t = xp.tanh(new)
    return (gates[:, 3 * size :] * t, new), (gates, g, c, t)


def _lstm_back(
    xp: Namespace, dstates: States, gates: Array, g: Array, c: Array, t: Array
) -> tuple[Array, Array, tuple[Array | None, ...]]:
    (dh, dc), size = dstates, g.shape[1]
    i, f, o = gates[:, :size], gates[:, size : 2 * size], gates[:, 3 * size :]
    dc = dc + dh * o * (1.0 - t * t)
    first = xp.concat([dc * g, dc * c], axis=1) * gates[:, : 2 * size] * (1.0 - gates[:, : 2 * size])
    da = xp.concat([first, dc * i * (1.0 - g * g), dh * t * o * (1.0 - o)], axis=1)
    return da, da, (None, dc * f)


TANH = Cell(1, _tanh, _tanh_back)
RELU = Cell(1, _relu, _relu_back)
GRU = Cell(3, _gru, _gru_back)
LSTM = Cell(4, _lstm, _lstm_back)
