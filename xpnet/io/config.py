"""Frozen descriptions as JSON and back, from a closed table of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import ModelFileError


def to_config(value: Any) -> Any:
    """A description as JSON's types: `{"type": "Dense", "units": 10, ...}`.

    TypeError for what cannot be described, such as a function.
    """
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: to_config(getattr(value, field.name)) for field in fields(value)}
        if "type" in own:
            raise TypeError(
                f"{value!r} cannot be saved: rename its field 'type', which a model file needs itself"
            )
        return {"type": type(value).__name__, **own}
    if isinstance(value, tuple | list):
        return [to_config(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(
        f"{value!r} cannot be saved: a model file holds names and numbers; give a loss or an activation by its "
        "name, or make a Layer of your own and pass load(..., custom=[MyLayer])"
    )


def from_config(config: Any, classes: Mapping[str, type]) -> Any:
    """The description that `to_config` wrote; ModelFileError for a class that is not in the table."""
    try:
        return _made(config, classes)
    except RecursionError as error:
        raise ModelFileError("the model file describes layers nested too deep to be made") from error


def _made(config: Any, classes: Mapping[str, type]) -> Any:
    if isinstance(config, list):
        return tuple(_made(item, classes) for item in config)
    if not isinstance(config, dict):
        return config
    name = config.get("type")
    cls = classes.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ModelFileError(
            f"the model file uses {name!r}, which xpnet does not have: "
            f"if it is a class of yours, pass it, load(path, custom=[{name}])"
        )
    own = {key: _made(value, classes) for key, value in config.items() if key != "type"}
    try:
        return cls(*own.pop("children", ()), **own)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"the model file describes a {name} that cannot be: {error}") from error
