"""Recurrent layers, and padding found by its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..dtypes import countable
from ..errors import choose, flag, number
from ..init import check_initializer, initial
from ..namespace import device, namespace
from ..typing import Array, Nested, Op, Pullback, Shape
from .attention import require_sequences
from .base import Layer, require_count
from .context import Context

NAMES = ("weight", "recurrent", "bias", "recurrent_bias")
"""PyTorch's weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, the weights transposed."""
DIRECTIONS = ("", "_reverse")
"""The endings of the names of a direction's parameters."""


@dataclass(frozen=True)
class _Recurrent(Layer):
    """The base of the three.

    x (n, time, in), or (values, lengths) with lengths (n,) int -> y (n, time, units), or (n, units) with `last`, which
    is the state after the last time that is no padding; twice as many units where it is `bidirectional`.
    """

    units: int
    bidirectional: bool = False
    last: bool = False
    bias: bool = True
    initializer: Any = None
    recurrent_initializer: Any = None

    op: ClassVar[Op]
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        what = type(self).__name__
        require_count(what, "units", self.units)
        for name in ("bidirectional", "last", "bias"):
            flag(f"{what}: {name}", getattr(self, name))
        for spec in (self.initializer, self.recurrent_initializer):
            check_initializer(self._default if spec is None else spec)

    @property
    def _default(self) -> tuple[str, float, float]:
        return "uniform", -(self.units**-0.5), self.units**-0.5

    @property
    def _options(self) -> dict[str, Any]:
        return {}

    @property
    def _names(self) -> list[list[str]]:
        """The names of the parameters, direction by direction."""
        names = NAMES if self.bias else NAMES[:2]
        return [[f"{name}{end}" for name in names] for end in DIRECTIONS[: 1 + self.bidirectional]]

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sequences(self, input_shape)
        width = self.units * (1 + self.bidirectional)
        return (width,) if self.last else (input_shape[0], width)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        output_shape = self.output_shape(input_shape)
        kinds = (
            (self.initializer, (input_shape[1], self.units)),
            (self.recurrent_initializer, (self.units, self.units)),
            *((None, (self.units,)) for _ in NAMES[2:]),
        )
        params = {}
        for names in self._names:
            for name, (spec, shape) in zip(names, kinds, strict=False):
                each = partial(initial, self._default if spec is None else spec)
                params[name] = initial(
                    partial(_side_by_side, each, self.gates),
                    rng,
                    (*shape[:-1], self.gates * shape[-1]),
                    dtype,
                )
        return params, {}, output_shape

    def forward(self, params: Nested, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        paired = isinstance(x, tuple)
        if paired:
            x, lengths = x
            ctx.mask = _within(x, lengths)
        xp, mask = namespace(x), ctx.mask
        if mask is not None and mask.shape != x.shape[:2]:
            raise ValueError(
                f"{self!r}: the mask of padding is {tuple(mask.shape)} and the values {tuple(x.shape)}: a layer before "
                "this one changed the number of time steps: mask after it"
            )
        start = [xp.zeros((x.shape[0], self.units), dtype=x.dtype, device=device(x))] * self.states
        options = {"mask": mask, "last": self.last, "wants_dx": ctx.wants_dx, **self._options}
        found = [
            type(self).op(x, *start, *map(params.__getitem__, names), reverse=bool(index), **options)
            for index, names in enumerate(self._names)
        ]
        if self.last:
            ctx.mask = None
        y, split = found[0][0], None
        if self.bidirectional:
            y, split = ops.concatenate(*(y for y, _ in found))

        def pullback(dy: Array) -> tuple[Any, Nested]:
            grads: Nested = {}
            total = None
            for names, (_, pull), part in zip(self._names, found, split(dy) if split else (dy,), strict=True):
                dx, *rest = pull(part)
                grads |= dict(zip(names, rest[self.states :], strict=True))
                total = dx if total is None else total + dx
            return (total, None) if paired and ctx.wants_dx else total, grads

        return y, pullback


@dataclass(frozen=True)
class RNN(_Recurrent):
    """Elman's recurrent network; see `ops.rnn`.

    y_t = h_t, h_t = f(x_t weight + bias + h_t-1 recurrent + recurrent_bias), f = nonlinearity
    x (n, time, in), or (values, lengths) with lengths (n,) int -> y (n, time, units). Padding leaves h as it is, and y
    is 0 there: the positions behind a sequence's length, and those that a layer before found, such as
    `Embedding(padding=0)`.
    units: the size of h.
    bidirectional: a second network runs from the end, and y is (n, time, 2 units), the first one's outputs first.
    last: y is only the h after the last time of each sequence, (n, units) or (n, 2 units).
    bias: False leaves both biases out.
    initializer, recurrent_initializer: of weight and recurrent, as in `Dense`.
    nonlinearity: "tanh" or "relu".
    Parameters weight (in, units), recurrent (units, units), bias and recurrent_bias (units,), and for the other
    direction the same with "_reverse". All start from U(-1/sqrt(units), 1/sqrt(units)), as in PyTorch.

    >>> xn.RNN(16).output_shape((20, 3))
    (20, 16)
    """

    nonlinearity: str = "tanh"

    op = staticmethod(ops.rnn)

    def __post_init__(self) -> None:
        super().__post_init__()
        choose("RNN: nonlinearity", self.nonlinearity, ops.NONLINEARITIES)

    @property
    def _options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}


class GRU(_Recurrent):
    """Gated recurrent unit; see `ops.gru`, and `RNN` for shapes and options.

    Parameters weight (in, 3 units), recurrent (units, 3 units), bias and recurrent_bias (3 units,): the gates r, k and
    c, which PyTorch calls r, z and n, each drawn by itself.

    >>> xn.GRU(16, bidirectional=True).output_shape((20, 3))
    (20, 32)
    """

    op = staticmethod(ops.gru)
    gates = 3


class LSTM(_Recurrent):
    """Long short-term memory; see `ops.lstm`, and `RNN` for shapes and options.

    Parameters weight (in, 4 units), recurrent (units, 4 units), bias and recurrent_bias (4 units,): the gates i, f, g
    and o, each drawn by itself.

    >>> xn.LSTM(16, last=True).output_shape((20, 3))
    (16,)
    """

    op = staticmethod(ops.lstm)
    gates = 4
    states = 2


@dataclass(frozen=True)
class Masking(Layer):
    """Takes positions of sequences (n, time, features) whose features all are `value` for padding; see `RNN`.

    y = x;  dx = dy

    >>> xn.Sequential(xn.Masking(), xn.LSTM(16, last=True)).output_shape((20, 3))
    (16,)
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Masking: value", self.value, "must be a finite number", low=float("-inf"))

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sequences(self, input_shape)
        return input_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        ctx.mask = namespace(x).any(x != self.value, axis=-1)
        return x, lambda dy: (dy, {})


def _side_by_side(
    each: Callable[..., np.ndarray], gates: int, rng: np.random.Generator, shape: Shape, dtype: Any
) -> np.ndarray:
    """Each gate's weights, drawn by itself."""
    shape = (*shape[:-1], shape[-1] // gates)
    return np.concatenate([each(rng, shape, dtype) for _ in range(gates)], axis=-1)


def _within(x: Array, lengths: Array) -> Array:
    """(n, time) bool, true before each sequence's length."""
    xp = namespace(x)
    if lengths.shape != x.shape[:1]:
        raise ValueError(
            f"lengths {tuple(lengths.shape)} must be ({x.shape[0]},), one for each of the sequences"
        )
    lengths = countable(lengths)
    return xp.arange(x.shape[1], dtype=lengths.dtype, device=device(x))[None, :] < lengths[:, None]
