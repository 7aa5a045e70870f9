"""Convolutions of sequences and images, and their transposes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..errors import as_pair, as_single, flag, integer
from ..init import check_initializer, default, initial
from ..ops.conv import transposed
from ..ops.opspec import named
from ..ops.windows import per_axis, space_of, windows
from ..typing import Array, Nested, Op, Pullback, Shape
from .base import Layer, activation, activation_name, check_activation, require_count, shape_after
from .context import Context

LARGE = 2**40
"""A size that every kernel fits into: options are checked with it before the inputs are known."""


@dataclass(frozen=True)
class _Convolution(Layer):
    """The base of the four: a weight (*kernel, in / groups, units), a bias, and an activation."""

    units: int
    kernel_size: Any
    _: KW_ONLY
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    activation: Any = None
    bias: bool = True
    initializer: Any = None

    axes: ClassVar[int]
    op: ClassVar[Op] = staticmethod(ops.conv)
    options: ClassVar[tuple[str, ...]] = ("stride", "padding", "dilation")

    def __post_init__(self) -> None:
        super().__post_init__()
        what = type(self).__name__
        require_count(what, "units", self.units)
        per_axis(f"{what}: kernel_size", self.kernel_size, self.axes)
        self._outputs((LARGE,) * self.axes)
        integer(f"{what}: groups", self.groups)
        if self.units % self.groups:
            raise ValueError(f"{what}: units {self.units} must be a multiple of groups {self.groups}")
        object.__setattr__(self, "activation", named(ops.ACTIVATIONS, self.activation))
        check_activation(self.activation)
        flag(f"{what}: bias", self.bias)
        check_initializer(self._initializer)

    @property
    def _initializer(self) -> Any:
        if self.initializer is not None:
            return self.initializer
        return default(activation_name(self.activation))

    @property
    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.options}

    @property
    def _kernel(self) -> Shape:
        return per_axis("kernel_size", self.kernel_size, self.axes)

    def _outputs(self, space: Shape) -> Shape:
        """The sizes of the outputs for inputs of these sizes."""
        return tuple(w.outputs for w in windows(type(self).__name__, space, self._kernel, **self._options))

    def output_shape(self, input_shape: Shape) -> Shape:
        what = type(self).__name__
        space = space_of(what, input_shape, self.axes)
        if input_shape[-1] % self.groups:
            raise ValueError(
                f"{what}: groups {self.groups} cannot share {input_shape[-1]} features: "
                "choose groups of which the features are a multiple"
            )
        return shape_after(self.activation, (*self._outputs(space), self.units))

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        output_shape = self.output_shape(input_shape)
        shape = (*self._kernel, input_shape[-1] // self.groups, self.units)
        params = {"weight": initial(self._initializer, rng, shape, dtype)}
        if self.bias:
            params["bias"] = initial("zeros", rng, (self.units,), dtype)
        return params, {}, output_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        bias, options = ((params["bias"],) if self.bias else ()), self._options
        op = type(self).op
        y, pull = op(x, params["weight"], *bias, **options, groups=self.groups, wants_dx=ctx.wants_dx)
        act, pull_activation = activation(self.activation), None
        if act is not None:
            y, pull_activation = as_pair("activation", act(y))

        def pullback(dy: Array) -> tuple[Array, Nested]:
            if pull_activation is not None:
                dy = as_single("activation", pull_activation(dy))
            dx, dw, *db = pull(dy)
            return dx, {"weight": dw, "bias": db[0]} if db else {"weight": dw}

        return y, pullback


class Conv1D(_Convolution):
    """Convolution of sequences, and an activation; see `ops.conv`.

    y = activation(conv(x, weight) + bias)
    x (n, length, in) -> y (n, outputs, units); weight (kernel_size, in / groups, units), bias (units,) starting at 0.
    units: the number of output channels.
    kernel_size: the number of elements of the kernel.
    stride, padding, dilation, groups: as in PyTorch; padding also "same" or "valid".
    activation, bias: as in `Dense`.
    initializer: as in `Dense`; the fans of weight are the kernel's size times in / groups, and times units.

    >>> xn.Conv1D(8, 3, padding=1, activation="relu").output_shape((20, 4))
    (20, 8)
    """

    axes = 1


class Conv2D(_Convolution):
    """Convolution of images, and an activation; see `ops.conv`.

    y = activation(conv(x, weight) + bias)
    x (n, height, width, in) -> y (n, *outputs, units); weight (*kernel, in / groups, units), bias (units,) starting at
    0. kernel_size, stride, padding, dilation: an integer, or (vertical, horizontal); the rest as in `Conv1D`.

    >>> xn.Conv2D(16, (3, 3), stride=2).output_shape((28, 28, 1))
    (13, 13, 16)
    """

    axes = 2


@dataclass(frozen=True)
class _Transposed(_Convolution):
    """The base of the transposed convolutions: outputs and inputs of a convolution change places."""

    _: KW_ONLY
    output_padding: Any = 0

    op = staticmethod(ops.conv_transpose)
    options = (*_Convolution.options, "output_padding")

    def _outputs(self, space: Shape) -> Shape:
        return tuple(w.size for w in transposed(type(self).__name__, space, self._kernel, **self._options))


class ConvTranspose1D(_Transposed):
    """Transposed convolution of sequences, which makes them longer; see `ops.conv_transpose`.

    y = activation(conv_transpose(x, weight) + bias)
    x (n, length, in) -> y (n, outputs, units); weight (kernel_size, in / groups, units), bias (units,). Options as in
    `Conv1D`, and output_padding.

    >>> xn.ConvTranspose1D(4, 2, stride=2).output_shape((10, 8))
    (20, 4)
    """

    axes = 1


class ConvTranspose2D(_Transposed):
    """Transposed convolution of images, which makes them larger; see `ops.conv_transpose`.

    y = activation(conv_transpose(x, weight) + bias)
    x (n, height, width, in) -> y (n, *outputs, units); weight (*kernel, in / groups, units), bias (units,). Options as
    in `Conv2D`, and output_padding.

    >>> xn.ConvTranspose2D(1, 2, stride=2).output_shape((14, 14, 16))
    (28, 28, 1)
    """

    axes = 2
