"""Natives of the elementwise activations, and of `linear` with one fused: kernels compiled from their expressions.

An activation without transcendental functions is one loop for each pass; one with them is blocked, so that NumPy's
own exp, log and tanh run on blocks that stay in the cache.
"""

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
from ...namespace import namespace
from ...ops.sums import LONG, sum_over_batch
from ...typing import Array, Op, Pullback
from ..activation import Activation, specialize, unwrap


class Passes(NamedTuple):
    """The two kernels of an activation, and the residuals between them.

    forward: the kernel of y and of the residuals.
    backward: the kernel of dx; in `linear` of dz and db.
    extra: a range over the residuals other than x and y, each of which needs an array.
    residuals: their positions in (x, y, *extra); in `linear`, where y overwrites x, in (y, *extra).
    same: dx is dy itself, as for the identity.
    """

    forward: Kernel
    backward: Kernel
    extra: range
    residuals: tuple[int, ...]
    same: bool


def elementwise(op: Any, kind: np.dtype) -> Op:
    """The native of an activation for arrays of one dtype: a kernel for each pass."""
    choose = specialize(op, partial(_passes, kind=kind), kind.type)

    def native(x: Array, /, **options: Any) -> tuple[Array, Pullback]:
        passes, numbers = choose(options) if plain(x, kind) else (None, [])
        if passes is None:
            return op.portable(x, **options)
        _, backward, extra, positions, _ = passes
        arrays = [x, np.empty_like(x), *[np.empty_like(x) for _ in extra]]
        passes.forward(*arrays, *numbers)
        y, residuals = arrays[1], [arrays[index] for index in positions]

        def pullback(dy: Array) -> tuple[Array]:
            dy = contiguous(dy)
            dx = np.empty_like(dy)
            backward(dy, *residuals, dx, *numbers)
            return (dx,)

        return y, pullback

    return native


def _passes(op: Any, *, kind: np.dtype, **flags: bool) -> Passes | None:
    """The kernels x -> (y, residuals) and (dy, residuals) -> dx. None for an op that is not elementwise."""
    act = Activation.of(op, **flags)
    if act is None:
        return None
    extra = {x.name: x for x in act.residuals if x.name not in (act.x.name, act.y.name)}
    names = [x.name for x in act.residuals]
    places = [act.x.name, act.y.name, *extra]
    forward = blocked_kernel(act.formula, ("x",), {"y": act.y, **_renamed(extra)}, kind, act.options)
    backward = blocked_kernel(act.formula, ("dy", *names), {"dx": act.dx}, kind, act.options)
    positions = tuple(map(places.index, names))
    return Passes(forward, backward, range(len(extra)), positions, act.dx.name == "dy")


def linear(formulas: Iterable[Any], kind: np.dtype) -> Op:
    """The native of `linear`: x w by BLAS, then bias and activation in place; dz and db in one kernel.

    formulas: the activations that are fused; `linear` with any other runs portably.
    """
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
        _, backward, extra, positions, same = passes
        y = x @ w
        arrays = [y, *[np.empty_like(y) for _ in extra]]
        passes.forward(*arrays, b, *numbers)
        residuals = [arrays[index] for index in positions]

        def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
            rows, db = contiguous(dy), np.empty_like(b)
            dz = rows if same else np.empty_like(rows)
            backward(rows, *residuals, dz, db, *numbers)
            if b.size == 1 or dz.shape[0] > LONG:  # which are not added one row after another
                db = sum_over_batch(namespace(dz), dz)
            factor = dy if same else dz  # as the twin's product does: BLAS's last bits depend on dy's strides
            return (factor @ w.T if wants_dx else None), x.T @ factor, db

        return y, pullback

    return native


def _dense_passes(op: Any, *, kind: np.dtype, **flags: bool) -> Passes | None:
    """The kernels y <- f(y + b), in place, with its residuals, and (dy, residuals) -> (dz, db).

    db adds the rows of dz one after another, as NumPy does.
    """
    act = Activation.of(op, biased=True, **flags)
    if act is None:
        return None
    names = [x.name for x in act.residuals]
    extra = {x.name: x for x in act.residuals if x.name != act.y.name}
    forward = blocked_kernel(act.formula, ("z",), {"z": act.y, **_renamed(extra)}, kind, act.options, row="b")
    backward = _dense_slope(act, names, kind)
    positions = tuple(map([act.y.name, *extra].index, names))
    return Passes(forward, backward, range(len(extra)), positions, act.dx.name == "dy")


def _dense_slope(act: Activation, names: list[str], kind: np.dtype) -> Kernel:
    """The kernel of dz and db: one loop, or a blocked kernel and a sum if dz takes transcendental functions."""
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
    """The residuals under names for their arrays that no line of generated code assigns."""
    return {f"kept_{name}": x for name, x in extra.items()}


def plain(x: Array, kind: np.dtype) -> bool:
    """True if the kernels for a dtype can take the array."""
    return x.dtype == kind and x.flags.c_contiguous and x.ndim > 0
