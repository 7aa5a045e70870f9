"""Where a kernel's windows lie along the axes of a sequence or an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from ..errors import batch_of, integer, shown
from ..namespace import device
from ..typing import Array, Shape

Places = list[tuple[int, Shape]]
"""Elements of a kernel, by number, and how many outputs before a place each of them reaches it."""


class Window(NamedTuple):
    """One axis: output o reads the inputs o stride + k dilation - before, for k < kernel.

    before, after: the padding; a negative `after` leaves the last inputs to no output.
    """

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def outputs(self) -> int:
        """How many outputs there are; less than 1 where the kernel does not fit."""
        reach = self.dilation * (self.kernel - 1) + 1
        return (self.size + self.before + self.after - reach) // self.stride + 1

    def reaching(self, phase: int) -> list[tuple[int, int]]:
        """(k, shift) for which output q - shift reads input q stride + phase."""
        offsets = ((k, k * self.dilation - self.before - phase) for k in range(self.kernel))
        return [(k, offset // self.stride) for k, offset in offsets if offset % self.stride == 0]


def windows(
    what: str, space: Shape, kernel: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> tuple[Window, ...]:
    """The windows over axes of these sizes; each option is an integer, or one for each axis.

    padding may also be "valid", which is 0, or "same": with stride 1 as many outputs as inputs, an odd element of
    padding being the last. ValueError for options that cannot be, or where the kernel does not fit.
    """
    axes = len(space)
    kernels, strides, dilations = (
        per_axis(f"{what}: {name}", value, axes)
        for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
    )
    if isinstance(padding, str) and padding == "same":
        if any(step != 1 for step in strides):
            raise ValueError(
                f"{what}: padding 'same' is for stride 1, not {shown(stride)}: give it as numbers"
            )
        totals = [d * (k - 1) for d, k in zip(dilations, kernels, strict=True)]
        pads = [(total // 2, total - total // 2) for total in totals]
    else:
        number = 0 if isinstance(padding, str) and padding == "valid" else padding
        wanted = "must be an integer, 0 or more, one for each axis, 'valid' or 'same'"
        pads = [(p, p) for p in per_axis(f"{what}: padding", number, axes, wanted, low=0)]
    found = tuple(
        Window(*row, before, after)
        for *row, (before, after) in zip(space, kernels, strides, dilations, pads, strict=True)
    )
    for window in found:
        if window.outputs < 1:
            raise ValueError(
                f"{what}: a kernel of {window.kernel} with dilation {window.dilation} does not fit into {window.size} "
                f"elements and {window.before} + {window.after} of padding: make it smaller, or pad more"
            )
    return found


def per_axis(
    what: str,
    value: Any,
    axes: int,
    wanted: str = "must be a positive integer, one for each axis",
    *,
    low: int = 1,
) -> Shape:
    """The integers, one for each axis; ValueError for others than `wanted`, or of another number."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(values) != axes:
        raise ValueError(f"{what} {shown(value)} has {len(values)} numbers, where {axes} were wanted")
    return tuple(integer(what, v, wanted, low=low) for v in values)


def space_of(what: str, x: Array) -> Shape:
    """The sizes between the first axis and the last; ValueError for what is no sequence and no image."""
    return space(what, tuple(x.shape[1:]))


def space(what: str, sample: Shape) -> Shape:
    """The sizes of a sample but for its features."""
    if len(sample) not in (2, 3):
        raise ValueError(
            f"{what} takes sequences (n, length, features) or images (n, height, width, features), "
            f"not {batch_of(sample)}: reshape them"
        )
    return sample[:-1]


def pad(xp: Any, x: Array, amounts: Sequence[tuple[int, int]], first: int, value: float = 0.0) -> Array:
    """x with (before, after) more elements along each axis from `first` on."""
    for axis, widths in enumerate(amounts, start=first):
        edges = [
            [xp.full((*x.shape[:axis], width, *x.shape[axis + 1 :]), value, dtype=x.dtype, device=device(x))]
            if width > 0
            else []
            for width in widths
        ]
        if any(edges):
            x = xp.concat([*edges[0], x, *edges[1]], axis=axis)
    return x


def parts(xp: Any, x: Array, over: Sequence[Window], first: int, value: float = 0.0) -> list[Array]:
    """For each element of the kernel, what of x it reads: (..., *outputs, ...); the axes begin at `first`."""
    x = pad(xp, x, [(w.before, w.after) for w in over], first, value)
    return [
        cut(x, [(k * w.dilation, w.outputs, w.stride) for k, w in zip(place, over, strict=True)], first)
        for place in product(*(range(w.kernel) for w in over))
    ]


def cut(x: Array, spans: Sequence[tuple[int, int, int]], first: int) -> Array:
    """(start, count, step) of each axis from `first` on."""
    slices = (slice(start, start + (count - 1) * step + 1, step) for start, count, step in spans)
    return x[(*(slice(None),) * first, *slices, ...)]


def joined(xp: Any, over: Sequence[Window], first: int, phase: Callable[[Places, Shape], Array]) -> Array:
    """The array over the inputs whose part at every stride-th place, from each start, is `phase(places, sizes)`.

    The transpose of `parts`: inputs a stride apart are reached by the same elements of the kernel, each from a
    constant number of outputs before, so that no element is multiplied by the zeros of a dilated array.
    """
    sizes = tuple(-(-w.size // w.stride) for w in over)

    def below(axis: int, phases: Shape) -> Array:
        if axis < len(over):
            found = [below(axis + 1, (*phases, p)) for p in range(over[axis].stride)]
            if len(found) == 1:
                return found[0]
            place = first + axis
            y = xp.stack(found, axis=place + 1)
            return xp.reshape(y, (*y.shape[:place], len(found) * y.shape[place], *y.shape[place + 2 :]))
        reached = product(*(w.reaching(p) for w, p in zip(over, phases, strict=True)))
        places = []
        for pairs in reached:
            number = 0
            for (k, _), w in zip(pairs, over, strict=True):
                number = number * w.kernel + k
            places.append((number, tuple(shift for _, shift in pairs)))
        return phase(places, sizes)

    y = below(0, ())
    return cut(y, [(0, w.size, 1) for w in over], first)


def moved(xp: Any, x: Array, shifts: Sequence[Shape], sizes: Shape, first: int) -> list[Array]:
    """x moved on along its axes from `first` on by each of the shifts, 0 moving in; cut to the sizes."""
    outputs = x.shape[first : first + len(sizes)]
    ahead = [max(0, *column) for column in zip(*shifts, strict=True)]
    behind = [
        max(0, *(size - shift - count for shift in column))
        for column, size, count in zip(zip(*shifts, strict=True), sizes, outputs, strict=True)
    ]
    x = pad(xp, x, list(zip(ahead, behind, strict=True)), first)
    return [
        cut(x, [(a - s, size, 1) for a, s, size in zip(ahead, shift, sizes, strict=True)], first)
        for shift in shifts
    ]
