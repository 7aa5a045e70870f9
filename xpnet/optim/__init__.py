"""Optimizers as data: a rule for one element, the scalars it takes, and schedules for its rate."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..calls import checked_constructor
from .adam import Adam, AdamW
from .adaptive import AdaDelta, AdaGrad, RMSprop
from .base import Optimizer, scalars_after, update_each
from .compose import Part, mover, moving, slot_names
from .moments import Adamax, Lion, NAdam, RAdam
from .sgd import SGD

sgd, adam, adamw, rmsprop, adagrad, adadelta = SGD, Adam, AdamW, RMSprop, AdaGrad, AdaDelta
adamax, nadam, radam, lion = Adamax, NAdam, RAdam, Lion
OPTIMIZERS = {
    cls.__name__.lower(): cls
    for cls in map(
        checked_constructor, (SGD, Adam, AdamW, RMSprop, AdaGrad, AdaDelta, Adamax, NAdam, RAdam, Lion)
    )
}


def __getattr__(name: str) -> Any:
    if name == "schedules":  # loaded at its first use
        return import_module(".schedules", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "OPTIMIZERS",
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "Part",
    "RAdam",
    "RMSprop",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "lion",
    "mover",
    "moving",
    "nadam",
    "radam",
    "rmsprop",
    "scalars_after",
    "schedules",
    "sgd",
    "slot_names",
    "update_each",
]


def __dir__() -> list[str]:
    return sorted(__all__)
