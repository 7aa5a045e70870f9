"""A training step on NumPy, written down as the list of calls that it makes.

The step runs once on arrays that note each call made with them, with its arguments' shapes and with what lies in
whose memory. A step may not look at values, so every other run would make the same calls: `replay` makes them again,
without the Python in between, into memory that stays. They are the functions that the step itself calls, on arrays
of the same layout, so the bits are the same.
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
"""How many calls are written down at most; the time to find places for their arrays grows as their square."""

_REDUCTIONS = {np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum}

_OUT_BY_NAME: dict[Any, Any] = {  # which take where to write by name only
    np.maximum: lambda x, y, out: np.maximum(x, y, out=out),
    np.minimum: lambda x, y, out: np.minimum(x, y, out=out),
}


class NotTraceableError(TypeError):
    """A step that does what cannot be written down; it runs as it is."""


class View(NamedTuple):
    """An array of a recording: a place in the memory of a root, or all of it."""

    buffer: int
    offset: int
    shape: Shape
    strides: Shape
    dtype: np.dtype


class Call(NamedTuple):
    """A function and its arguments; `fills` is the root that it writes, None where that may be any of them."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    fills: int | None


class Trace:
    """Calls in order, with a `View` for each array, and the roots: the arrays that have memory of their own."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.buffers: list[View] = []

    def new_buffer(self, value: Any) -> Tracer:
        """An array in memory of its own, laid out as `value`."""
        value = np.asanyarray(value)
        if not is_dense(value):
            raise NotTraceableError(f"an array of shape {value.shape} has gaps between its elements")
        self.buffers.append(View(len(self.buffers), 0, value.shape, value.strides, value.dtype))
        return Tracer(self, value, value, len(self.buffers) - 1)

    def add(self, function: Callable[..., Any], *args: Any, fills: Tracer | None = None) -> None:
        """A call, whose result is one of its arguments."""
        if len(self.calls) == MAX_CALLS:
            raise NotTraceableError(f"it makes more than {MAX_CALLS} calls")
        self.calls.append(
            Call(function, map_arrays(args, lambda x: x.ref), None if fills is None else fills.buffer)
        )

    def prune(self, wanted: set[int]) -> list[Call]:
        """The calls without those that lead to none of the roots wanted."""
        wanted, kept = set(wanted), []
        for call in reversed(self.calls):
            if call.fills is None or call.fills in wanted:
                kept.append(call)
                wanted.update(ref.buffer for ref in arrays(call.args, View))
        return kept[::-1]

    def apply(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What a function gives now: views of its arguments' memory, or an array that a call fills anew."""
        value = function(*map_arrays(args, _value), **map_arrays(options, _value))
        found = map_arrays(value, lambda x: self._view(x, arrays((args, options))), np.ndarray | np.generic)
        if isinstance(found, np.ndarray | np.generic):
            found = self.new_buffer(value)
            self.add(_fill, found, function, args, options, fills=found)
        elif any(True for _ in arrays(found, np.ndarray | np.generic)):
            raise NotTraceableError(f"{function.__name__} gives several new arrays")
        return found

    def _view(self, value: Any, given: Iterator[Tracer]) -> Any:
        """The value as a part of the memory of one of the arrays given, or as it is."""
        if isinstance(value, np.ndarray) and value.size:
            for x in given:
                if np.may_share_memory(value, x.memory):
                    return Tracer(self, value, x.memory, x.buffer)
        return value


class Tracer(NDArrayOperatorsMixin):
    """An array that notes what is done with it; nobody may look at its value."""

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
    def ref(self) -> View:
        """Where it lies."""
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
        return self._method("__pow__", exponent)  # which is not always what numpy.power does

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
        """An array like the value, that these are copied to one after another."""
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
        """A call that can be told where its result goes: behind the options `before`, by position."""
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
        raise NotTraceableError("a value is looked at, which differs from step to step")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = _refuse_value


def map_arrays(part: Any, change: Callable[[Any], Any], kind: Any = Tracer) -> Any:
    """The same structure of dicts, lists and tuples, its arrays of a kind changed."""
    return tree.map(lambda x: change(x) if isinstance(x, kind) else x, part)


def arrays(part: Any, kind: Any = Tracer) -> Iterator[Any]:
    """All arrays of a kind in a structure of dicts, lists and tuples."""
    return (x for x in tree.leaves(part) if isinstance(x, kind))


def is_dense(x: np.ndarray) -> bool:
    """Whether the elements fill their memory without gaps, in whatever order of the axes."""
    step = x.dtype.itemsize
    for stride, size in sorted(zip(x.strides, x.shape, strict=True)):
        if size > 1 and stride != step:
            return not x.size
        step *= size
    return True


def _dot_has_bits_of_matmul(a: Any, b: Any) -> bool:
    """Whether `numpy.dot` gives the bits of `numpy.matmul`, of small matrices at two thirds of its price.

    Of matrices with gaps it gives others. Of two numbers it is the product, to which matmul adds 0: -0.0 becomes 0.0.
    """
    alike = a.ndim == b.ndim == 2 and a.dtype == b.dtype
    return bool(alike and a.flags.forc and b.flags.forc and max(a.size, b.size) > 1)


def _in_array_dtype(x: Any, dtype: np.dtype) -> Any:
    """A Python number in the dtype that it takes beside an array of this one; else as it is."""
    return np.asarray(x, dtype) if dtype.kind in {float: "f", int: "if"}.get(type(x), "") else x


def _value(x: Tracer) -> np.ndarray:
    return x.value


def _address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def _fill(out: np.ndarray, function: Callable[..., Any], args: Any, options: Any) -> None:
    out[...] = function(*args, **options)


register(Tracer, np)
