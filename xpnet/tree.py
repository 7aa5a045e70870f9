"""Trees: nested dicts, lists and tuples with arrays as leaves, and the one walker of them.

A dict, of any class, and a plain list or tuple are nodes; everything else is a leaf, a NamedTuple too. The order is
the structure's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .typing import Flat, Nested


def map(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure, its dicts plain, with the function applied to every leaf."""
    kind = type(tree)
    if isinstance(tree, dict):
        return {name: map(function, value) for name, value in tree.items()}
    if kind is list or kind is tuple:
        return kind([map(function, value) for value in tree])
    return function(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """Every leaf, in order."""
    kind, is_dict = type(tree), isinstance(tree, dict)
    if is_dict or kind is list or kind is tuple:
        for value in tree.values() if is_dict else tree:
            yield from leaves(value)
    else:
        yield tree


def flatten(nested: Mapping[str, Any], separator: str = ".") -> Flat:
    """`{"0": {"weight": w}}` to `{"0.weight": w}`."""
    flat: Flat = {}

    def walk(part: Mapping[str, Any], prefix: str) -> None:
        for name, value in part.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}{separator}")
            else:
                flat[prefix + name] = value

    walk(nested, "")
    return flat


def nest(flat: Flat, separator: str = ".") -> Nested:
    """`{"0.weight": w}` to `{"0": {"weight": w}}`."""
    nested: Nested = {}
    for name, value in flat.items():
        *path, last = name.split(separator)
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested
