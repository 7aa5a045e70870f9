"""The options of a run: everything that `fit` is given and that is not data."""

from __future__ import annotations

from dataclasses import dataclass

from ..data import check_share
from ..errors import integer


@dataclass(frozen=True)
class FitOptions:
    """The options of one `fit`, checked where they are made.

    epochs: how many to train. batch_size: samples in a batch. steps_per_call: steps in one call of the backend, None
    for the backend's choice. validation_split: the share of the samples to hold out. steps_per_epoch: batches of a
    source in an epoch, None for all that it gives.
    Errors: ValueError naming the option.
    """

    epochs: int
    batch_size: int = 32
    steps_per_call: int | None = None
    validation_split: float = 0.0
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        self._set("epochs", integer("epochs", self.epochs))
        self._set("batch_size", integer("batch_size", self.batch_size))
        for name in ("steps_per_call", "steps_per_epoch"):
            if getattr(self, name) is not None:
                self._set(name, integer(name, getattr(self, name)))
        check_share(self.validation_split, low=0.0)

    def _set(self, name: str, value: int) -> None:
        """A NumPy integer becomes Python's; the dataclass is frozen to everyone else."""
        object.__setattr__(self, name, value)
