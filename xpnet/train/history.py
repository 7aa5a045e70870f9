"""The record of a training, epoch by epoch."""

from __future__ import annotations

from typing import Any


class History(dict[str, list[Any]]):
    """Columns by name: `history["loss"][3]` is the fourth epoch's. All of a model's epochs are one history.

    "epoch" counts from 1; "loss" is the mean training loss over the epoch's steps, each before its update;
    "val_loss" and "val_accuracy" are there where validation data is.

    >>> x, y, *_ = xn.data.iris()
    >>> model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer=xn.adam(0.01))
    >>> history = model.fit(x, y, epochs=2)
    >>> history.epochs, sorted(history)
    (2, ['epoch', 'loss'])
    """

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return max((len(column) for column in self.values()), default=0)

    def add(self, record: dict[str, Any]) -> None:
        """Adds an epoch; a column that is new or missing is filled with None."""
        before = self.epochs
        for name in record:
            self.setdefault(name, [None] * before)
        for name, column in self.items():
            column.append(record.get(name))

    def last(self) -> dict[str, Any]:
        """The latest epoch's record."""
        return {name: column[-1] for name, column in self.items()}
