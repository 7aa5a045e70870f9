"""A recurrent cell along the time of sequences, and its derivative.

The products of all times with w are one product, and so are those of the derivatives. Each time takes a product with u
and the cell's elementwise part. A backend may replace `scan`, since a long loop makes a long trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..namespace import namespace, replaceable
from ..typing import Array, Namespace, Pullback
from .cells import Cell, States
from .sums import sum_over_batch


@replaceable
def scan(
    *start: Array, body: Callable[..., Any], xs: tuple[Any, ...], reverse: bool = False
) -> tuple[States, tuple[Any, ...]]:
    """(states, outs) after `states, outs = body(states, *x)` at each time of xs, backwards with `reverse`.

    xs: arrays (time, ...), or what a scan gave. outs: for each output the arrays of all times, in the order of time.
    """
    each = (x if isinstance(x, list) else [x[t, ...] for t in range(x.shape[0])] for x in xs)
    times = list(zip(*each, strict=True))
    states, found = start, []
    for x in reversed(times) if reverse else times:
        states, outs = body(states, *x)
        found.append(outs)
    return states, tuple(map(list, zip(*(reversed(found) if reverse else found), strict=True)))


def _stacked(xp: Namespace, outs: Any) -> Array:
    """One output of a scan as an array (time, ...)."""
    return xp.stack(outs, axis=0) if isinstance(outs, list) else outs


def run(
    what: str,
    cell: Cell,
    x: Array,
    start: States,
    w: Array,
    u: Array,
    b: Array | None,
    v: Array | None,
    *,
    mask: Array | None,
    reverse: bool,
    last: bool,
    wants_dx: bool,
) -> tuple[Array, Pullback]:
    """A cell along the time of x; the pullback returns (dx, *dstart, dw, du), and (db, dv) where they were given."""
    _check(what, cell, x, start, w, u, b, v, mask)
    xp, (n, time, features), h = namespace(x), x.shape, u.shape[0]
    flat_x = xp.reshape(xp.permute_dims(x, (1, 0, 2)), (time * n, features))
    a = flat_x @ w
    a = xp.reshape(a if b is None else a + b, (time, n, w.shape[1]))
    real = () if mask is None else (xp.permute_dims(mask, (1, 0))[:, :, None],)

    def forward(states: States, a: Array, *real: Array) -> tuple[States, States]:
        z = states[0] @ u
        new, kept = cell.forward(xp, a, z if v is None else z + v, *states)
        if real:
            new = tuple(xp.where(real[0], s, old) for s, old in zip(new, states, strict=True))
        return new, (new[0], *kept)

    end, (found, *kept) = scan(*start, body=forward, xs=(a, *real), reverse=reverse)
    after = _stacked(xp, found)
    y = end[0] if last else xp.permute_dims(xp.where(real[0], after, 0.0) if real else after, (1, 0, 2))

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dys = () if last else (xp.permute_dims(dy, (1, 0, 2)),)
        turned, masked, none = xp.matrix_transpose(u), len(real), (None,) * len(start)

        def backward(dstates: States, *rest: Array) -> tuple[States, States]:
            held, at, kept = rest[:masked], rest[masked : masked + len(dys)], rest[masked + len(dys) :]
            if at:
                dstates = (dstates[0] + at[0], *dstates[1:])
            passed: tuple[Array | None, ...] = none
            if held:
                passed = tuple(xp.where(held[0], 0.0, d) for d in dstates)
                dstates = tuple(xp.where(held[0], d, 0.0) for d in dstates)
            da, dz, direct = cell.backward(xp, dstates, *kept)
            through = dz @ turned, *none[1:]
            return tuple(map(_sum, through, direct, passed)), (da,) if da is dz else (da, dz)

        if real and dys:
            dys = (xp.where(real[0], dys[0], 0.0),)
        dend = dy if last else xp.zeros_like(start[0]), *map(xp.zeros_like, start[1:])
        dstart, outs = scan(*dend, body=backward, xs=(*real, *dys, *kept), reverse=not reverse)
        da, dz = (xp.reshape(_stacked(xp, d), (time * n, w.shape[1])) for d in (outs[0], outs[-1]))
        dx = None
        if wants_dx:
            dx = xp.reshape(da @ xp.matrix_transpose(w), (time, n, features))
            dx = xp.permute_dims(dx, (1, 0, 2))
        first = start[0][None, :, :]
        before = [after[1:, :, :], first] if reverse else [first, after[:-1, :, :]]
        before = xp.reshape(xp.concat(before, axis=0), (time * n, h))
        pulled = dx, *dstart, xp.matrix_transpose(flat_x) @ da, xp.matrix_transpose(before) @ dz
        return pulled if b is None else (*pulled, sum_over_batch(xp, da), sum_over_batch(xp, dz))

    return y, pullback


def _sum(*terms: Array | None) -> Array:
    """The sum of those that are not None."""
    first, *rest = (term for term in terms if term is not None)
    for term in rest:
        first = first + term
    return first


def _check(
    what: str,
    cell: Cell,
    x: Array,
    start: States,
    w: Array,
    u: Array,
    b: Array | None,
    v: Array | None,
    mask: Array | None,
) -> None:
    """ValueError for shapes that do not fit."""
    if x.ndim != 3 or not x.shape[1]:
        raise ValueError(f"{what}: x {tuple(x.shape)} must be (n, time, features), of one time at least")
    (n, time, features), h = x.shape, u.shape[0]
    width = cell.gates * h
    wanted: dict[str, tuple[Array | None, tuple[int, ...]]] = {
        "w": (w, (features, width)),
        "u": (u, (h, width)),
        "b": (b, (width,)),
        "v": (v, (width,)),
        "h0": (start[0], (n, h)),
        "c0": (start[-1], (n, h)),
        "mask": (mask, (n, time)),
    }
    for name, (array, shape) in wanted.items():
        if array is not None and tuple(array.shape) != shape:
            raise ValueError(
                f"{what}: {name} {tuple(array.shape)} must be {shape}, for x {tuple(x.shape)} and {h} units"
            )
    if (b is None) != (v is None):
        raise ValueError(f"{what}: b and v go together: give both or leave both out")
