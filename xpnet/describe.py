"""Frozen descriptions, the base of layers, optimizers and schedules: their fields are their JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import partial
from typing import Any

from .errors import plain


@dataclass(frozen=True)
class Description:
    """A frozen dataclass whose fields are numbers, strings, None, tuples and descriptions.

    A NumPy number becomes a Python number: `float32_array * numpy.float64(0.1)` would be float64. A list becomes a
    tuple, so that descriptions can be hashed. A subclass with a `__post_init__` of its own calls this one first.
    """

    def __init_subclass__(cls) -> None:
        if "__repr__" not in cls.__dict__:  # a dataclass would write one that shows every default
            inherited = cls.__repr__
            cls.__repr__ = inherited  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, tuple(value) if isinstance(value, list) else plain(value))

    def __repr__(self) -> str:
        """The constructor call, without arguments equal to their defaults."""
        shown = [
            repr(value) if field.default is MISSING else f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def within(value: Any) -> Iterator[Any]:
    """A description, and the descriptions and functions that its fields hold."""
    if isinstance(value, tuple):
        for item in value:
            yield from within(item)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from within(getattr(value, field.name))
    elif isinstance(value, partial):
        yield from within(value.func)
    elif callable(value):
        yield value


def ours(*values: Any) -> bool:
    """True if all these descriptions and functions, and those within them, are xpnet's own."""
    for part in within(values):
        module = getattr(part, "__module__", None) if callable(part) else type(part).__module__
        if not (module or "").startswith("xpnet."):
            return False
    return True
