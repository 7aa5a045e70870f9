"""Optimizers as data: a rule for one element, the scalars it takes, and schedules for its rate."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .adam import Adam, AdamW
from .adaptive import AdaGrad, RMSprop
from .base import Optimizer, scalars_after, update_each
from .sgd import SGD

sgd, adam, adamw, rmsprop, adagrad = SGD, Adam, AdamW, RMSprop, AdaGrad
OPTIMIZERS = {cls.__name__.lower(): cls for cls in (SGD, Adam, AdamW, RMSprop, AdaGrad)}


def __getattr__(name: str) -> Any:
    if name == "schedules":  # loaded at its first use
        return import_module(".schedules", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "OPTIMIZERS",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "adagrad",
    "adam",
    "adamw",
    "rmsprop",
    "scalars_after",
    "schedules",
    "sgd",
    "update_each",
]
