"""The two forms of named arrays: flat at rest, `{"0.weight": w}`, and nested in a pass, `{"0": {"weight": w}}`."""

from __future__ import annotations

from ..typing import Flat, Nested


def nest(flat: Flat) -> Nested:
    """Flat to nested."""
    nested: Nested = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


def flatten(nested: Nested, prefix: str = "") -> Flat:
    """Nested to flat."""
    flat: Flat = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
