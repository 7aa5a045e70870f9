"""The namespace (module of standard functions) and the device of an array.

Both depend on the array's type alone, so each is one dictionary look-up (0.1 us) and works while a compiler traces.
The tables fill at a type's first appearance, which `Backend.asarray` brings about before any step is traced.

A few ops are `replaceable`: a backend may register natives for them, faster twins with the same signature.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy

from .errors import shown
from .typing import Array, Device, Namespace

_namespaces: dict[type, Namespace] = {numpy.ndarray: numpy}
_devices: dict[type, Callable[[Array], Device]] = {}


def namespace(x: Array, /) -> Namespace:
    """The module of standard functions for `x`: `xp = namespace(x)`.

    NumPy's arrays map to plain `numpy`; array_api_compat is imported for other libraries only.
    TypeError for an x that is no array, and for NumPy's masked arrays and matrices, whose arithmetic differs.
    """
    try:
        return _namespaces[type(x)]
    except KeyError:
        xp = _namespaces[type(x)] = _find(x)
        return xp


def device(x: Array, /) -> Device:
    """The device of `x` as its library names it; None for NumPy, and for JAX's tracers, which have none."""
    try:
        read = _devices[type(x)]
    except KeyError:
        read = _devices[type(x)] = _reader(x)
    return read(x)


def library(x: Any, /) -> str:
    """The name of the library that `x` belongs to, for messages: "torch", "jax", "numpy"."""
    if not is_array(x):
        return type(x).__module__.partition(".")[0]
    return namespace(x).__name__.removeprefix("array_api_compat.").partition(".")[0]


def adds_in_a_tree(x: Array, /) -> bool:
    """True for a library whose own sum over a million float32 rows is exact to 2e-7.

    NumPy adds rows one after another, and so loses two digits; others are taken for as exact as it is.
    """
    return library(x) in ("torch", "jax", "cupy")


def is_array(x: Any, /) -> bool:
    """True for an array of a library that follows the standard."""
    try:
        namespace(x)
    except TypeError:
        return False
    return True


class _InForce(threading.local):
    """The natives of the compiled step that runs in this thread."""

    table: Mapping[str, Any] = MappingProxyType({})


_in_force = _InForce()
_with_natives: dict[type, bool] = {}


def replaceable(op: Any) -> Any:
    """Lets a backend replace the op by a native, a faster twin; `op.portable` is the op itself.

    A backend's natives are in force only while a step that it compiled with them runs, in that thread, and for arrays
    of its own type.
    """
    name = op.__name__

    @functools.wraps(op)
    def chosen(*arrays: Array, **options: Any) -> Any:
        if type(arrays[0]) in _with_natives and name in _in_force.table:
            return _in_force.table[name](*arrays, **options)
        return op(*arrays, **options)

    chosen.portable = op  # type: ignore[attr-defined]
    return chosen


def with_natives(function: Callable[..., Any], *kinds: type, table: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with a table of natives in force for arrays of these types: {"relu": faster_relu}."""
    _with_natives.update(dict.fromkeys(kinds, True))

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        before, _in_force.table = _in_force.table, table
        try:
            return function(*args)
        finally:
            _in_force.table = before

    return run


def register(kind: type, xp: Namespace) -> None:
    """Registers `xp` as the namespace of a type of arrays, in the place of what `__array_namespace__` answers.

    For a library whose own namespace is absent, or lacks functions or keywords of the standard. Call it before the
    first array of that type is used, as where the backend's `xp` is made.
    """
    if not isinstance(kind, type):
        raise TypeError(f"kind must be a class of arrays, {shown(kind)} came: register(type(x), xp)")
    _namespaces[kind] = xp


def _find(x: Array) -> Namespace:
    kind = type(x)
    if isinstance(x, numpy.ma.MaskedArray | numpy.matrix):
        raise TypeError(
            f"a numpy {kind.__name__} is not a plain array, its arithmetic differs: "
            "pass numpy.asarray(x), or fill the masked values first"
        )
    if isinstance(x, numpy.generic):
        return numpy
    if isinstance(x, numpy.ndarray):
        return x.__array_namespace__()  # numpy, or the namespace of a subclass
    if isinstance(x, bool | int | float | complex | str | bytes | list | tuple | dict | None):
        raise TypeError(f"an array was wanted, a {kind.__name__} came: wrap it, numpy.asarray(x)")
    import array_api_compat

    try:
        return array_api_compat.array_namespace(x)
    except TypeError as error:
        raise TypeError(
            f"an array that follows the Python Array API standard was wanted, "
            f"a {kind.__module__}.{kind.__qualname__} came: convert it, numpy.asarray(x)"
        ) from error


def _reader(x: Array) -> Callable[[Array], Device]:
    if namespace(x) is numpy:
        return lambda x: None
    try:
        _ = x.device
    except (AttributeError, TypeError):  # a tracer stands for arrays on any device
        return lambda x: None
    return lambda x: x.device
