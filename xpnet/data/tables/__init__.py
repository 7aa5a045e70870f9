"""Tables: from a CSV file to arrays, by column statistics and categories that are saved with the model.

    frame = read_csv("penguins.csv")
    target = Target.learn(frame, "species")
    train, held = target.split(frame, 0.2, seed=0)
    columns = Columns.learn(train, target=target.name, task=target.task)
    x, y = columns.arrays(train)

A frame is a pandas DataFrame. pandas, the extra `data`, is imported at the first table.
"""

from __future__ import annotations

from .column_types import Dropped, Number, Text
from .columns import Columns
from .reading import read_csv
from .target import Target

COLUMNS = {cls.__name__: cls for cls in (Columns, Number, Text, Dropped, Target)}
"""The classes of tables that a model file may name."""

__all__ = ["COLUMNS", "Columns", "Dropped", "Number", "Target", "Text", "read_csv"]


def __dir__() -> list[str]:
    return sorted(__all__)
