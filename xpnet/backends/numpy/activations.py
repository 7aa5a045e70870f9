"""Natives of activations, and of `linear` with one: their formulas in compiled loops."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import ops
from ...compiler.blocked import blocked_kernel
from ...compiler.codegen import Argument, compile_function, contiguous, partitionable, scope
from ...compiler.expression import Symbol
from ...compiler.kernel import Kernel
from ...typing import Array, Op, Pullback
from ..activation import Activation, specialize, unwrap


class Passes(NamedTuple):
    """The two passes of an activation, and what is kept between them.

    extra: one for each array that is kept beside x and y. kept: which of x, y and these, in this order, the backward
    pass takes; in `linear` y lies where x was, and x is left out. same: dx is dy.
    """

    forward: Kernel
    backward: Kernel
    extra: range
    kept: tuple[int, ...]
    same: bool


def elementwise(op: Any, kind: np.dtype) -> Op:
    """An activation in a loop for each pass, or in several where it takes exp or its kin."""
    choose = specialize(op, partial(_passes, kind=kind), kind.type)

    def native(x: Array, /, **options: Any) -> tuple[Array, Pullback]:
        passes, numbers = choose(options) if plain(x, kind) else (None, [])
        if passes is None:
            return op.portable(x, **options)
        _, backward, extra, kept, _ = passes
        arrays = [x, np.empty_like(x), *[np.empty_like(x) for _ in extra]]
        passes.forward(*arrays, *numbers)
        y, given = arrays[1], [arrays[index] for index in kept]

        def pullback(dy: Array) -> tuple[Array]:
            dy = contiguous(dy)
            dx = np.empty_like(dy)
            backward(dy, *given, dx, *numbers)
            return (dx,)

        return y, pullback

    return native


def _passes(op: Any, *, kind: np.dtype, **flags: bool) -> Passes | None:
    """y, and what else is kept, of x; dx of dy and of what is kept. None for an op that mixes elements."""
    act = Activation.of(op, **flags)
    if act is None:
        return None
    extra = {x.name: x for x in act.kept if x.name not in (act.x.name, act.y.name)}
    names = [x.name for x in act.kept]
    places = [act.x.name, act.y.name, *extra]
    forward = blocked_kernel(act.formula, ("x",), {"y": act.y, **_renamed(extra)}, kind, act.options)
    backward = blocked_kernel(act.formula, ("dy", *names), {"dx": act.dx}, kind, act.options)
    kept = tuple(map(places.index, names))
    return Passes(forward, backward, range(len(extra)), kept, act.dx.name == "dy")


def linear(formulas: Iterable[Any], kind: np.dtype) -> Op:
    """x w in BLAS, then bias and activation in place, as `elementwise` does them; dz and db in one loop."""
    portable = ops.linear.portable
    make = partial(_dense_passes, kind=kind)
    choices = {op: specialize(op, make, kind.type) for op in (None, *formulas)}

    def native(
        x: Array, w: Array, b: Array | None = None, /, *, activation: Any = None, wants_dx: bool = True
    ) -> tuple[Array, Pullback]:
        op, options = unwrap(activation)
        fits = x.ndim == 2 and x.shape[1] == w.shape[0] and x.dtype == kind and w.dtype == kind
        fits = fits and b is not None and b.dtype == kind and b.shape == w.shape[1:]
        passes, numbers = choices[op](options) if fits and op in choices else (None, [])
        if passes is None or b is None:
            return portable(x, w, b, activation=activation, wants_dx=wants_dx)
        _, backward, extra, kept, same = passes
        y = x @ w
        arrays = [y, *[np.empty_like(y) for _ in extra]]
        passes.forward(*arrays, b, *numbers)
        given = [arrays[index] for index in kept]

        def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
            rows, db = contiguous(dy), np.empty_like(b)
            dz = rows if same else np.empty_like(rows)
            backward(rows, *given, dz, db, *numbers)
            if b.size == 1:
                db = np.add.reduce(dz, axis=0)  # a single column NumPy adds in pairs
            factor = dy if same else dz  # the twin's takes dy as it lies, and BLAS's last bits hang on that
            return (factor @ w.T if wants_dx else None), x.T @ factor, db

        return y, pullback

    return native


def _dense_passes(op: Any, *, kind: np.dtype, **flags: bool) -> Passes | None:
    """y <- f(y + b) in place, and what else is kept; dz and db of dy, db summed row by row as NumPy does."""
    act = Activation.of(op, biased=True, **flags)
    if act is None:
        return None
    names = [x.name for x in act.kept]
    extra = {x.name: x for x in act.kept if x.name != act.y.name}
    forward = blocked_kernel(act.formula, ("z",), {"z": act.y, **_renamed(extra)}, kind, act.options, row="b")
    backward = _dense_slope(act, names, kind)
    kept = tuple(map([act.y.name, *extra].index, names))
    return Passes(forward, backward, range(len(extra)), kept, act.dx.name == "dy")


def _dense_slope(act: Activation, names: list[str], kind: np.dtype) -> Kernel:
    """dz and db in one loop, or, where dz takes exp or its kin once more, in several."""
    if act.formula.transcendental_levels([act.dx], ["dy", *names, *act.options]):
        slopes = blocked_kernel(act.formula, ("dy", *names), {"dz": act.dx}, kind, act.options).call

        def apart(*args: Any) -> None:
            arrays, db, numbers = args[: len(names) + 2], args[len(names) + 2], args[len(names) + 3 :]
            slopes(*arrays, *numbers)
            np.add.reduce(arrays[-1], axis=0, out=db)

        return Kernel(apart)
    slope = [
        *(f"{name} = {name}_[i, j]" for name in ("dy", *names)),
        *act.formula.emit([act.dx], ["dy", *names, *act.options]),
        *([] if act.dx.name == "dy" else [f"dz_[i, j] = {act.dx.name}"]),
        f"db_[j] += {act.dx.name}",
    ]
    each = "for i in range(dy_.shape[0]):", "    for j in range(db_.size):"
    lines = ["db_[:] = db_.dtype.type(0)", *each, *(f"        {line}" for line in slope)]
    arrays = [f"{name}_" for name in ("dy", *names, "dz")]
    backward = compile_function([*arrays, "db_", *act.options], lines, scope(act.formula, kind))
    matrix = np.zeros((1, 1), kind)
    backward(*[matrix] * len(arrays), np.zeros(1, kind), *[kind.type(0)] * len(act.options))  # compiles
    arguments = {**dict.fromkeys(arrays, Argument(2, 1)), "db_": Argument(1, 0)}
    return partitionable(backward, kind, arguments, numbers=act.options)


def _renamed(extra: dict[str, Symbol]) -> dict[str, Symbol]:
    """Elements to keep, under names for their arrays that no line of a formula has."""
    return {f"kept_{name}": x for name, x in extra.items()}


def plain(x: Array, kind: np.dtype) -> bool:
    """Whether the loops for a dtype take an array."""
    return x.dtype == kind and x.flags.c_contiguous and x.ndim > 0
