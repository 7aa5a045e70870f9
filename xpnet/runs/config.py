"""The configuration of a run: the options of the command line, and their TOML file."""

from __future__ import annotations

import json
import os
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import integer, number, unknown


def _option(default: Any, kind: Any, about: str, **more: Any) -> Any:
    """A field of `Config` with the metadata from which the command line makes its option."""
    return field(default=default, metadata={"type": kind, "help": about, **more})


@dataclass(frozen=True)
class Config:
    """The settings of a run. The data decide a setting that is None.

    The network has dense layers with ReLU. The default weight decay regularises a network that is too large for its
    data strongly enough that early stopping is not needed.
    """

    data: str
    target: str | None = _option(
        None, str, "the column of a CSV file to predict", metavar="COLUMN", tells="the last"
    )
    task: str | None = _option(
        None,
        str,
        "the kind of target",
        choices=("classification", "regression"),
        tells="inferred from its values",
    )
    held_out: float | None = _option(
        None, float, "share of the rows to score on and not to train on", metavar="SHARE", tells="0.2"
    )
    hidden: tuple[int, ...] = _option(
        (128, 64), str, "sizes of the hidden layers, '' for none", metavar="SIZES", tells="128,64"
    )
    epochs: int | None = _option(
        None, int, "passes over the samples", metavar="N", tells="10 to 200, for about 1800 steps"
    )
    batch_size: int = _option(32, int, "samples per step", metavar="N")
    lr: float = _option(
        2e-3, float, "AdamW's initial learning rate, which falls to 0 along a cosine", metavar="RATE"
    )
    weight_decay: float | None = _option(
        None, float, "AdamW's weight decay", metavar="RATE", tells="1, and 0.01 for pixels, numbers in [0, 1]"
    )
    seed: int = _option(0, int, "of all random draws", metavar="N")
    backend: str = _option("auto", str, "numpy, cupy, torch, jax...", metavar="NAME")
    device: str | None = _option(
        None, str, "such as cpu or cuda:1", metavar="NAME", tells="the backend's own"
    )
    dtype: str = _option("float32", str, "of parameters and inputs", choices=("float32", "float64"))

    def __post_init__(self) -> None:
        if self.held_out is not None and not 0 <= self.held_out < 1:
            raise ValueError(f"held_out {self.held_out!r} must be a share of the rows, from 0 to less than 1")
        if self.epochs is not None:
            integer("epochs", self.epochs)
        integer("batch_size", self.batch_size)
        integer("seed", self.seed, "must be an integer, 0 or more", low=0)
        number("lr", self.lr)
        if self.weight_decay is not None:
            number("weight_decay", self.weight_decay)
        object.__setattr__(self, "hidden", _sizes(self.hidden))

    def __str__(self) -> str:
        """The settings as TOML, without those that are None, since TOML has no such value."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return "".join(f"{name} = {_toml(value)}\n" for name, value in values if value is not None)


OPTIONS: dict[str, Field[Any]] = {each.name: each for each in fields(Config)}
"""The fields of `Config` by name."""


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a TOML file; ValueError, with the file's name, for an unknown or invalid one."""
    import tomllib

    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return {name: _checked(name, value) for name, value in given.items()}
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are subclasses
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def _checked(name: str, value: Any) -> Any:
    """The value of a setting, or ValueError if its type is wrong or it is none of the choices."""
    if name not in OPTIONS:
        raise unknown("setting", name, OPTIONS)
    kind = OPTIONS[name].metadata.get("type", str)
    if name == "hidden":
        return _sizes(value)
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise ValueError(f"{name} = {_toml(value)}: {kind.__name__} was wanted")
    choices = OPTIONS[name].metadata.get("choices")
    if choices and value not in choices:
        raise unknown(name, value, choices)
    return float(value) if kind is float else value


def _sizes(given: Any) -> tuple[int, ...]:
    """The units of each hidden layer, from text such as "128,64" or from integers."""
    try:
        text = isinstance(given, str)
        found = tuple(map(int, given.split(","))) if text and given else tuple(given)
        if not all(type(units) is int and units > 0 for units in found):
            raise ValueError(found)
    except (TypeError, ValueError):
        raise ValueError(f"hidden {given!r} is not a list of layer sizes such as 128,64") from None
    return found


def _toml(value: Any) -> str:
    """A value as TOML text: JSON's text is valid TOML but for one control character."""
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
