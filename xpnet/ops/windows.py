"""The windows of a kernel along the axes of a sequence or an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import batch_of, integer, shown
from ..namespace import device
from ..typing import Array, Shape

Places = list[tuple[int, int]]
"""Pairs of a kernel's element and the number of outputs by which it lies before the place that it reads."""


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
        """The number of outputs; less than 1 where the kernel does not fit."""
        reach = self.dilation * (self.kernel - 1) + 1
        return (self.size + self.before + self.after - reach) // self.stride + 1

    def reaching(self, phase: int) -> Places:
        """(k, shift) for which output q - shift reads input q stride + phase."""
        offsets = ((k, k * self.dilation - self.before - phase) for k in range(self.kernel))
        return [(k, offset // self.stride) for k, offset in offsets if offset % self.stride == 0]

    @property
    def places(self) -> list[Places]:
        """`reaching` for each phase, of inputs a stride apart."""
        return [self.reaching(phase) for phase in range(self.stride)]

    @property
    def length(self) -> int:
        """The number of inputs of a phase, rounded up."""
        return -(-self.size // self.stride)

    @property
    def margins(self) -> tuple[int, int]:
        """The padding before and after the outputs that lets `cut` move them by any shift."""
        shifts = [shift for places in self.places for _, shift in places]
        return max(0, *shifts), max(0, *(self.length - shift - self.outputs for shift in shifts))


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
    found = tuple(map(Window, space, kernels, strides, dilations, *zip(*pads, strict=True)))
    for window in found:
        if window.outputs < 1:
            raise ValueError(
                f"{what}: a kernel of {window.kernel} elements, dilation {window.dilation}, does not fit into "
                f"{window.size} of the inputs and {window.before} + {window.after} of padding: make it smaller"
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


def space_of(what: str, sample: Shape, axes: int = 0) -> Shape:
    """The sizes of a sample but for its features; ValueError where the axes are not `axes`, or 1 or 2."""
    if len(sample) - 1 not in ((axes,) if axes else (1, 2)):
        known = {1: "sequences (n, length, features)", 2: "images (n, height, width, features)"}
        wanted = known[axes] if axes else " or ".join(known.values())
        raise ValueError(f"{what} takes {wanted}, not {batch_of(sample)}: reshape them")
    return tuple(sample[:-1])


def pad(xp: Any, x: Array, widths: tuple[int, int], axis: int, value: float = 0.0) -> Array:
    """x with `widths` elements of `value` added before it and behind it along an axis."""
    before, after = (
        [xp.full((*x.shape[:axis], width, *x.shape[axis + 1 :]), value, dtype=x.dtype, device=device(x))]
        if width > 0
        else []
        for width in widths
    )
    return xp.concat([*before, x, *after], axis=axis) if before or after else x


def cut(x: Array, start: int, count: int, axis: int, step: int = 1) -> Array:
    """`count` elements along an axis."""
    return x[(*(slice(None),) * axis, slice(start, start + (count - 1) * step + 1, step), ...)]


def read(padded: Array, window: Window, axis: int) -> list[Array]:
    """For each element of the kernel, the inputs that it reads, one for each output."""
    return [
        cut(padded, k * window.dilation, window.outputs, axis, window.stride) for k in range(window.kernel)
    ]


def reach(xp: Any, window: Window, axis: int, phase: Callable[[Places], Array]) -> Array:
    """The transpose of `read`: the inputs, those of each phase as `phase` returns them.

    All inputs of a phase are reached by the same elements of the kernel, each from a constant number of outputs
    before, so that nothing is multiplied by the zeros of a dilated array.
    """
    found = [phase(places) for places in window.places]
    if len(found) == 1:
        return found[0]
    y = xp.stack(found, axis=axis + 1)
    y = xp.reshape(y, (*y.shape[:axis], window.stride * window.length, *y.shape[axis + 2 :]))
    return cut(y, 0, window.size, axis)


def moved(x: Array, window: Window, shift: int, axis: int) -> Array:
    """Outputs with `window.margins` around them, moved on by the shift to where a phase has its inputs."""
    return cut(x, window.margins[0] - shift, window.length, axis)
