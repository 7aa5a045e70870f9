"""Tracing: one run of a training step on NumPy gives the list of NumPy calls that every run makes.

The Python between the NumPy calls is most of the time of a small step. It decides nothing that changes: a step does
not look at values, so it makes the same calls on the same shapes whenever it runs. The step therefore runs once on
`Tracer`s, arrays that record each call in a `Trace` while NumPy computes it. `replay` makes the calls again without
the Python in between.

A recorded argument is a `View`: a buffer (memory of its own), an offset, shape and strides, so that views of one
buffer stay views of one buffer. The calls are those of the step itself, on arrays of the same layout, and so give
its bits. What would read a value, or cannot be recorded, raises `NotTraceableError`; the step then runs untraced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .. import tree
from ..namespace import register
from ..typing import Shape

MAX_CALLS = 2**14
"""The longest trace, in calls: the memory plan takes time in proportion to the square of it."""

# The ufunc of each reduction: its `reduce` takes `out` by position.
_REDUCTIONS = {np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum}

# Ufuncs that take `out` by name only.
_OUT_BY_NAME: dict[Any, Any] = {
    np.maximum: lambda x, y, out: np.maximum(x, y, out=out),
    np.minimum: lambda x, y, out: np.minimum(x, y, out=out),
}


class NotTraceableError(TypeError):
    """The step does what a trace cannot hold; it runs untraced."""


class View(NamedTuple):
    """An array of a trace: its buffer, by index, the byte at which it begins, its shape and strides."""

    buffer: int
    offset: int
    shape: Shape
    strides: Shape
    dtype: np.dtype


class Call(NamedTuple):
    """A recorded call. `fills` is the only buffer that it writes; None if it may write into any argument."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    fills: int | None


class Trace:
    """The calls of a step in order, each array a `View`, and the buffers that these views are of."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.buffers: list[View] = []

    def new_buffer(self, value: Any) -> Tracer:
        """A tracer of a new buffer, laid out as `value`."""
        value = np.asanyarray(value)
        if not is_dense(value):
            raise NotTraceableError(f"an array of shape {value.shape} has gaps between its elements")
        self.buffers.append(View(len(self.buffers), 0, value.shape, value.strides, value.dtype))
        return Tracer(self, value, value, len(self.buffers) - 1)

    def add(self, function: Callable[..., Any], *args: Any, fills: Tracer | None = None) -> None:
        """Records a call that returns nothing and writes into its arguments."""
        if len(self.calls) == MAX_CALLS:
            raise NotTraceableError(f"it makes more than {MAX_CALLS} calls")
        self.calls.append(
            Call(function, map_arrays(args, lambda x: x.as_view), None if fills is None else fills.buffer)
        )

    def prune(self, wanted: set[int]) -> list[Call]:
        """The calls that the wanted buffers depend on, in order: dead code is eliminated."""
        wanted, kept = set(wanted), []
        for call in reversed(self.calls):
            if call.fills is None or call.fills in wanted:
                kept.append(call)
                wanted.update(view.buffer for view in arrays(call.args, View))
        return kept[::-1]

    def apply(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Calls a function and traces its result: views of its arguments, or a new array that a recorded call fills."""
        value = function(*map_arrays(args, _value), **map_arrays(options, _value))
        found = map_arrays(value, lambda x: self._view(x, arrays((args, options))), np.ndarray | np.generic)
        if isinstance(found, np.ndarray | np.generic):
            found = self.new_buffer(value)
            self.add(_fill, found, function, args, options, fills=found)
        elif any(True for _ in arrays(found, np.ndarray | np.generic)):
            raise NotTraceableError(f"{function.__name__} returns several new arrays")
        return found

    def _view(self, value: Any, given: Iterator[Tracer]) -> Any:
        """The value as a view of one of the given arrays; unchanged if it is a view of none."""
        if isinstance(value, np.ndarray) and value.size:
            for x in given:
                if np.may_share_memory(value, x.memory):
                    return Tracer(self, value, x.memory, x.buffer)
        return value


class Tracer(NDArrayOperatorsMixin):
    """An array that records the calls made with it. Its shape and dtype may be read, its value may not."""

    __slots__ = ("buffer", "memory", "trace", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, value: np.ndarray, memory: np.ndarray, buffer: int) -> None:
        self.trace, self.value, self.memory, self.buffer = trace, value, memory, buffer

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    flags = property(lambda self: self.value.flags)
    T = property(lambda self: self._method("transpose"))

    @property
    def as_view(self) -> View:
        """Its place in its buffer."""
        offset = _address(self.value) - _address(self.memory) if self.value.size else 0
        return View(self.buffer, offset, self.value.shape, self.value.strides, self.value.dtype)

    def view(self, dtype: Any) -> Any:
        return self._method("view", dtype)

    def copy(self) -> Any:
        return self._method("copy")

    def __getitem__(self, key: Any) -> Any:
        return self._method("__getitem__", key)

    def __setitem__(self, key: Any, new: Any) -> None:
        self.value[key] = map_arrays(new, _value)
        self.trace.add(np.ndarray.__setitem__, self, key, new)

    def __pow__(self, exponent: Any) -> Any:
        return self._method("__pow__", exponent)  # ndarray's own differs from numpy.power

    def _method(self, name: str, *args: Any) -> Any:
        return self.trace.apply(getattr(np.ndarray, name), (self, *args), {})

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        if method == "reduce":
            given = {"axis": 0, "dtype": None, "keepdims": False, **options}
            return self._with_out(ufunc.reduce, args, given, ("axis", "dtype"), ("keepdims",))
        if method != "__call__" or ufunc.nout > 1:
            raise NotTraceableError(f"{ufunc.__name__}.{method} is called")
        return self._with_out(ufunc, args, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        plain = len(args) == 1 and set(options) <= {"axis", "keepdims"}
        if function is np.empty_like:
            return self.trace.new_buffer(function(*map_arrays(args, _value), **options))
        if function in _REDUCTIONS and plain:
            return _REDUCTIONS[function].reduce(*args, **{"axis": None, **options})
        if function is np.mean and plain and self.dtype.kind == "f" and self.size:
            total = np.add.reduce(*args, **{"axis": None, **options})
            return total / (self.size // total.size)
        if function is np.astype and len(args) == 2 and not options and args[0].dtype != args[1]:
            return self._copied_to_new(args[0].value.astype(args[1]), (args[0], "unsafe"))
        if function is np.where and len(args) == 3:
            value, (condition, chosen, other) = function(*map_arrays(args, _value)), args
            return self._copied_to_new(value, (other,), (chosen, "same_kind", condition))
        return self.trace.apply(function, args, options)

    def _copied_to_new(self, value: Any, *sources: tuple[Any, ...]) -> Any:
        """A new array laid out as the value, to which the sources are copied one after another."""
        found = self.trace.new_buffer(value)
        for source in sources:
            self.trace.add(np.copyto, found, *source, fills=found)
        return found

    def _with_out(
        self,
        function: Any,
        args: tuple[Any, ...],
        options: dict[str, Any],
        before: tuple[str, ...] = (),
        after: tuple[str, ...] = (),
    ) -> Any:
        """Records a call with `out`, a new buffer, by position between the options `before` and `after`."""
        if set(options) - {*before, *after}:
            raise NotTraceableError(f"{function.__name__} is called with {', '.join(options)}")
        found = self.trace.new_buffer(function(*map_arrays(args, _value), **options))
        args = tuple(_in_array_dtype(arg, self.dtype) for arg in args)
        if function is np.matmul and _dot_has_bits_of_matmul(*args):
            function = np.dot
        rest = *map(options.get, before), found, *map(options.get, after)
        self.trace.add(_OUT_BY_NAME.get(function, function), *args, *rest, fills=found)
        return found

    def _refuse_value(self, *_: Any, **__: Any) -> NoReturn:
        raise NotTraceableError("a value is read, and values differ from step to step")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = _refuse_value


def map_arrays(part: Any, change: Callable[[Any], Any], kind: Any = Tracer) -> Any:
    """The same structure of dicts, lists and tuples, with `change` applied to its arrays of a kind."""
    return tree.map(lambda x: change(x) if isinstance(x, kind) else x, part)


def arrays(part: Any, kind: Any = Tracer) -> Iterator[Any]:
    """The arrays of a kind in a structure of dicts, lists and tuples."""
    return (x for x in tree.leaves(part) if isinstance(x, kind))


def is_dense(x: np.ndarray) -> bool:
    """True if the elements fill their memory without gaps, in any order of the axes."""
    step = x.dtype.itemsize
    for stride, size in sorted(zip(x.strides, x.shape, strict=True)):
        if size > 1 and stride != step:
            return not x.size
        step *= size
    return True


def _dot_has_bits_of_matmul(a: Any, b: Any) -> bool:
    """True if `numpy.dot` has the bits of `numpy.matmul`; for small matrices it takes two thirds of the time.

    Matrices with gaps give other bits. For two numbers dot is their product; matmul adds it to 0: -0.0 becomes 0.0.
    """
    alike = a.ndim == b.ndim == 2 and a.dtype == b.dtype
    return bool(alike and a.flags.forc and b.flags.forc and max(a.size, b.size) > 1)


def _in_array_dtype(x: Any, dtype: np.dtype) -> Any:
    """A Python number in the dtype that it has beside an array of this dtype; anything else unchanged."""
    return np.asarray(x, dtype) if dtype.kind in {float: "f", int: "if"}.get(type(x), "") else x


def _value(x: Tracer) -> np.ndarray:
    return x.value


def _address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def _fill(out: np.ndarray, function: Callable[..., Any], args: Any, options: Any) -> None:
    out[...] = function(*args, **options)


register(Tracer, np)
