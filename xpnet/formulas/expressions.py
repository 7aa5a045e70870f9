"""The nodes of an expression, each a frozen dataclass of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Number:
    """A number, as it is written."""

    text: str


@dataclass(frozen=True)
class Name:
    """A name without its index."""

    name: str


@dataclass(frozen=True)
class Index:
    """Elements of an array, x_ij or w[o stride + k]."""

    base: Node
    at: tuple[Node, ...]


@dataclass(frozen=True)
class Prime:
    """The derivative of a function, f'."""

    function: Node


@dataclass(frozen=True)
class Call:
    """A function of its arguments."""

    function: Node
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Reduce:
    """A sum, mean, product, maximum or minimum over an index, or over all axes where `over` is empty."""

    name: str
    over: tuple[Node, ...]
    body: Node


@dataclass(frozen=True)
class Negative:
    """The negative of a term."""

    body: Node


@dataclass(frozen=True)
class Binary:
    """Two operands of + - * / or ^; factors side by side have the sign *."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Transposed:
    """A matrix transposed."""

    body: Node


@dataclass(frozen=True)
class Magnitude:
    """The absolute value of a number, the length of a vector."""

    body: Node


@dataclass(frozen=True)
class Joined:
    """Arrays joined along the last axis, (a | b); `more` for (x_1 | x_2 | ...)."""

    parts: tuple[Node, ...]
    more: bool = False


@dataclass(frozen=True)
class Row:
    """Several values in brackets, such as a shape."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Compared:
    """A chain of comparisons, 0 < x < 6, or conditions joined by "and" and "or"."""

    parts: tuple[Node, ...]
    relations: tuple[str, ...]


@dataclass(frozen=True)
class Cases:
    """The value of the first (value, condition) whose condition holds, else the last one."""

    cases: tuple[tuple[Node, Node], ...]
    otherwise: Node


Node: TypeAlias = (
    Number
    | Name
    | Index
    | Prime
    | Call
    | Reduce
    | Negative
    | Binary
    | Transposed
    | Magnitude
    | Joined
    | Row
    | Compared
    | Cases
)


def nodes(part: Any) -> Iterator[Node]:
    """Every node of an expression, or of a tuple of them, outermost first."""
    if isinstance(part, tuple):
        for inner in part:
            yield from nodes(inner)
    elif isinstance(part, Node):
        yield part
        for field in fields(part):
            yield from nodes(getattr(part, field.name))


def bases(target: Node) -> Iterator[str]:
    """The names that an equation with this left-hand side defines, or that a call calls."""
    if isinstance(target, Name):
        yield target.name
    elif isinstance(target, Index):
        yield from bases(target.base)
    elif isinstance(target, Call | Prime):
        yield from bases(target.function)
    elif isinstance(target, Joined):
        for part in target.parts:
            yield from bases(part)
