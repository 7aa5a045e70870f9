"""Layers made of layers: one after another, around, side by side, and one several times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..errors import PullbackSpentError, batch_of, integer, plain, shown
from ..init import Undrawn
from ..tree import flatten, nest
from ..typing import Array, Flat, Nested, Pullback, Shape
from .base import Layer, is_layer
from .context import Context

MOST = 10_000
"""The most times that `Repeat` uses a layer: more are a slip, or a misleading file."""


@dataclass(frozen=True, init=False)
class Container(Layer):
    """Named children: layers in order, named "0", "1", ..., or `("name", layer)` pairs."""

    children: tuple[tuple[str, Layer], ...]

    def __init__(self, *children: Any) -> None:
        named = tuple(
            (c[0], c[1])
            if isinstance(c, tuple | list) and len(c) == 2 and not is_layer(c[0])
            else (str(i), c)
            for i, c in enumerate(children)
        )
        kind = type(self).__name__
        for name, layer in named:
            if not is_layer(layer):
                hint = ""
                if isinstance(layer, type):
                    hint = f": make one of it, {layer.__name__}(...)"
                elif isinstance(layer, tuple | list):
                    hint = f": give the layers of a list one by one, {kind}(*layers)"
                came = shown(layer)
                raise TypeError(f'{kind}: a layer or a ("name", layer) pair was wanted, {came} came{hint}')
            if not isinstance(name, str) or not name or "." in name:
                raise ValueError(f"{kind}: the name {shown(name)} of a layer must be text without a dot")
        names = [name for name, _ in named]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{kind}: two layers are named {name!r}: give each a name of its own")
        object.__setattr__(self, "children", named)

    @property
    def takes_ids(self) -> bool:
        return bool(self.children) and self.children[0][1].takes_ids

    @property
    def id_limit(self) -> int | None:
        return getattr(self.children[0][1], "id_limit", None) if self.children else None

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.init(Undrawn(np.random.PCG64(0)), input_shape, "float32")[2]

    def __repr__(self) -> str:
        shown = (
            repr(layer) if name == str(index) else f"({name!r}, {layer!r})"
            for index, (name, layer) in enumerate(self.children)
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _init_child(
        self, name: str, layer: Layer, rng: np.random.Generator, shape: Shape, dtype: Any
    ) -> tuple[Nested, Nested, Shape]:
        try:
            return layer.init(rng, shape, dtype)
        except (MemoryError, ValueError) as error:
            what = f"layer {name!r}, {layer!r}, given inputs {batch_of(shape)}"
            if isinstance(error, MemoryError):
                raise MemoryError(
                    f"{what}: its parameters do not fit into memory: make it smaller"
                ) from error
            raise ValueError(f"{what}: {error}") from error

    def _init_branches(
        self, rng: np.random.Generator, shape: Shape, dtype: Any
    ) -> tuple[Nested, Nested, list[Shape]]:
        """(params, buffers, output shapes) of the children, on one input shape or as a chain."""
        params, buffers, shapes = {}, {}, []
        for (name, layer), child_rng in zip(self.children, rng.spawn(len(self.children)), strict=True):
            own_params, own_buffers, output = self._init_child(name, layer, child_rng, shape, dtype)
            if own_params:
                params[name] = own_params
            if own_buffers:
                buffers[name] = own_buffers
            shapes.append(output)
            shape = self._next_shape(shape, output)
        return params, buffers, shapes

    def _next_shape(self, given: Shape, output: Shape) -> Shape:
        """The input shape of the next child."""
        return output


class Sequential(Container):
    """Layers one after another, each on the output of the one before.

    y = x_n, x_i = f_i(x_i-1), x_0 = x;  dx_i-1 = dx_i f_i'(x_i-1)
    n is the number of layers; without a layer it is the identity.

    >>> xn.Sequential(xn.Dense(16, "relu"), xn.Dense(3)).output_shape((5,))
    (3,)
    """

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        params, buffers, shapes = self._init_branches(rng, input_shape, dtype)
        return params, buffers, shapes[-1] if shapes else input_shape

    def forward(self, params: Nested, x: Any, ctx: Context) -> tuple[Any, Pullback]:
        pullbacks: list[tuple[str, Callable[[Any], tuple[Any, Nested]]]] = []
        wants_dx = ctx.wants_dx
        for index, (name, layer) in enumerate(self.children):
            own = params.get(name, {})
            inner = ctx.child(index, name, wants_dx)
            x, pull = layer.forward(own, x, inner)
            ctx.mask = inner.mask
            if ctx.grad:
                pullbacks.append((name, pull))
            wants_dx = wants_dx or bool(own)  # once a layer has parameters, those above it must pass dx down
        spend = _spender(self, pullbacks)

        def pullback(dy: Any) -> tuple[Any, Nested]:
            grads: Nested = {}
            for name, pull in spend():
                dy, own = pull(dy)
                if own:
                    grads[name] = own
                if dy is None:  # nothing below has parameters
                    break
            return (dy if ctx.wants_dx else None), grads

        return x, pullback


class Residual(Sequential):
    """x plus the output of the layers, one after another, for it.

    y = x + f(x);  dx = dy + dy f'(x)

    >>> xn.Residual(xn.Dense(16, "relu"), xn.Dense(5)).output_shape((5,))
    (5,)
    """

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        params, buffers, shape = super().init(rng, input_shape, dtype)
        if shape != input_shape:
            raise ValueError(
                f"Residual adds its inputs to what its layers make of them: the shapes {batch_of(input_shape)} "
                f"and {batch_of(shape)} must be the same"
            )
        return params, buffers, shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = super().forward(params, x, ctx)

        def pullback(dy: Array) -> tuple[Array | None, Nested]:
            dx, grads = pull(dy)
            return (dy + dx if ctx.wants_dx else None), grads

        return x + y, pullback


class Concatenate(Container):
    """The layers side by side on the same input, their outputs joined along the last axis.

    y = (f_1(x) | f_2(x) | ...);  dx = sum_i dy_i f_i'(x), (dy_1 | dy_2 | ...) = dy
    An empty `Sequential()` is the input itself. The mask behind it is that of the first layer that sets one.

    >>> xn.Concatenate(xn.Dense(3), xn.Dense(4, "tanh")).output_shape((5,))
    (7,)
    """

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        if not self.children:
            raise ValueError("Concatenate holds no layer, and needs at least one: Concatenate(Dense(3), ...)")
        if len({getattr(layer, "takes_ids", False) for _, layer in self.children}) > 1:
            raise ValueError(
                f"{self!r} gives its layers the same input, and some take integer ids, some numbers: "
                "begin each of them, or none, with an Embedding"
            )
        params, buffers, shapes = self._init_branches(rng, input_shape, dtype)
        if len({shape[:-1] for shape in shapes}) > 1 or not all(shapes):
            raise ValueError(f"Concatenate joins the last axis: the shapes {shapes} must agree in all others")
        return params, buffers, (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    @property
    def id_limit(self) -> int | None:
        limits = [getattr(layer, "id_limit", None) for _, layer in self.children]
        return min((limit for limit in limits if limit is not None), default=None)

    def _next_shape(self, given: Shape, output: Shape) -> Shape:
        return given

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        outputs, pullbacks, masks = [], [], []
        for index, (name, layer) in enumerate(self.children):
            inner = ctx.child(index, name, ctx.wants_dx)
            y, pull = layer.forward(params.get(name, {}), x, inner)
            outputs.append(y)
            masks.append(inner.mask)
            if ctx.grad:
                pullbacks.append((name, pull))
        ctx.mask = next((mask for mask in masks if mask is not None), None)
        y, split = ops.concatenate(*outputs)
        spend = _spender(self, pullbacks)

        def pullback(dy: Array) -> tuple[Array | None, Nested]:
            total, grads = None, {}
            for (name, pull), part in zip(spend(), reversed(split(dy)), strict=True):
                dx, own = pull(part)
                if own:
                    grads[name] = own
                if ctx.wants_dx:
                    total = dx if total is None else total + dx
            return total, grads

        return y, pullback


@dataclass(frozen=True, init=False)
class Repeat(Container):
    """One layer several times, each time on its last output, with the same parameters.

    y = x[times], x_i = f(x_i-1), x_0 = x;  dx_i-1 = dx_i f'(x_i-1)
    The gradients of the uses are added.
    Each use draws its own random numbers and starts from the buffers that the last use left: a BatchNorm's running
    statistics move with every use, as in PyTorch. The output has the input's shape.

    >>> xn.Repeat(xn.Residual(xn.Dense(8, "relu")), 4).output_shape((8,))
    (8,)
    """

    times: int

    def __init__(self, layer: Any, times: int) -> None:
        super().__init__(layer)
        wanted = f"must be an integer from 1 to {MOST}, for each use is computed"
        if integer("Repeat: times", times, wanted) > MOST:
            raise ValueError(f"Repeat: times {times} {wanted}")
        object.__setattr__(self, "times", plain(times))

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {self.times})"

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        params, buffers, (shape,) = self._init_branches(rng, input_shape, dtype)
        if shape != input_shape:
            raise ValueError(
                f"{self!r} gives its layer the layer's own outputs: the shapes {batch_of(input_shape)} "
                f"and {batch_of(shape)} must be the same"
            )
        return params, buffers, shape

    def forward(self, params: Nested, x: Any, ctx: Context) -> tuple[Any, Pullback]:
        ((name, layer),) = self.children
        own, wants_dx = params.get(name, {}), ctx.wants_dx
        pullbacks: list[tuple[str, Callable[[Any], tuple[Any, Nested]]]] = []
        for index in range(self.times):
            inner = ctx.child(index, name, wants_dx)
            x, pull = layer.forward(own, x, inner)
            ctx.mask, own = inner.mask, inner.updated(own)
            if ctx.grad:
                pullbacks.append((name, pull))
            wants_dx = wants_dx or bool(own)
        spend = _spender(self, pullbacks)

        def pullback(dy: Any) -> tuple[Any, Nested]:
            total: Flat = {}
            for _, pull in spend():
                dy, grads = pull(dy)
                for place, g in flatten(grads).items():
                    total[place] = total[place] + g if place in total else g
                if dy is None:  # nothing below has parameters
                    break
            return (dy if ctx.wants_dx else None), ({name: nest(total)} if total else {})

        return x, pullback


def _spender(container: Container, pullbacks: list[Any]) -> Callable[[], Any]:
    """Yields the pullbacks, last first, and drops each, so that its activations are freed once used."""
    left: list[Any] | None = pullbacks

    def spend() -> Any:
        nonlocal left
        if left is None or len(left) < len(container.children):
            raise PullbackSpentError(
                f"the pullback of {type(container).__name__} was called again, or its pass kept none: "
                "run forward again with Pass(grad=True)"
            )
        taken, left = left, None
        while taken:
            yield taken.pop()

    return spend
