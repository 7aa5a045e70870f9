"""Ops that move elements: into another shape, another order, side by side, and apart."""

from __future__ import annotations

import math
from itertools import pairwise

from ..namespace import namespace
from ..typing import Array, Pullback, Shape


def flatten(x: Array, /) -> tuple[Array, Pullback]:
    """All axes but the first as one.

    y_i = reshape(x_i, -1);  dx_i = reshape(dy_i, shape(x_i))
    x (n, ...) -> y (n, product of the other axes).
    """
    xp, shape = namespace(x), x.shape

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.reshape(dy, shape),)

    return xp.reshape(x, (shape[0], math.prod(shape[1:]))), pullback


def reshape(x: Array, /, *, shape: Shape) -> tuple[Array, Pullback]:
    """Each sample in another shape.

    y_i = reshape(x_i, shape);  dx_i = reshape(dy_i, shape(x_i))
    x (n, ...) -> y (n, *shape), of as many elements; one size of `shape` may be -1, and is computed from the others.
    """
    xp, given = namespace(x), x.shape

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.reshape(dy, given),)

    return xp.reshape(x, (given[0], *filled(shape, given[1:]))), pullback


def filled(shape: Shape, given: Shape) -> Shape:
    """A shape for the elements of the one given, with the size that -1 stands for; ValueError where none fits."""
    known = math.prod([size for size in shape if size != -1])
    count = math.prod(given)
    if -1 not in shape and known == count:
        return tuple(shape)
    if shape.count(-1) != 1 or known < 1 or count % known:
        raise ValueError(
            f"reshape: shape {shape!r} does not hold the {count} elements of samples {tuple(given)}: "
            "the product of the sizes must be that, or one of them -1"
        )
    return tuple(count // known if size == -1 else size for size in shape)


def permute(x: Array, /, *, axes: tuple[int, ...]) -> tuple[Array, Pullback]:
    """The axes of each sample in another order.

    y_i = permute_dims(x_i, axes);  dx_i = permute_dims(dy_i, inverse(axes))
    Axis k + 1 of y is axis axes[k] of x (n, ...); axes holds 1 to the number of a sample's axes, once each.
    """
    permuted(axes, x.shape[1:])
    xp, order = namespace(x), (0, *axes)
    inverse = tuple(order.index(axis) for axis in range(x.ndim))

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.permute_dims(dy, inverse),)

    return xp.permute_dims(x, order), pullback


def permuted(axes: tuple[int, ...], given: Shape) -> Shape:
    """The shape of a sample whose axes are put in this order; ValueError where they are not all of its axes."""
    if sorted(axes) != list(range(1, len(given) + 1)):
        raise ValueError(
            f"permute: axes {axes!r} must hold each of a sample's axes once, "
            f"and those of samples {tuple(given)} are 1 to {len(given)}"
        )
    return tuple(given[axis - 1] for axis in axes)


def concatenate(*arrays: Array) -> tuple[Array, Pullback]:
    """Arrays side by side along the last axis.

    y = (x_1 | x_2 | ...);  (dx_1 | dx_2 | ...) = dy
    x_k (..., c_k) -> y (..., sum of c_k).
    """
    xp = namespace(arrays[0])
    edges = [0]
    for x in arrays:
        edges.append(edges[-1] + x.shape[-1])

    def pullback(dy: Array) -> tuple[Array, ...]:
        return tuple(dy[..., start:stop] for start, stop in pairwise(edges))

    return xp.concat(arrays, axis=-1), pullback
