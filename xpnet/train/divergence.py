"""When a training has exploded."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOSS, PARAMETERS, ALONE = 1e4, 10.0, 1e8
"""A loss has exploded that is LOSS times the first batch's, and above this, while the largest parameter has
become PARAMETERS times as large (a large loss alone may be an outlier's); and so has a training whose largest
parameter has become ALONE times as large, even if the loss does not show it, as with dead or saturated units."""


@dataclass
class Watch:
    """What a run tells of itself: its largest parameter at the start, its first loss and its latest."""

    start: float
    first: float | None = None
    loss: float = math.nan

    def exploded(self, largest: float) -> bool:
        """Whether the loss, or the largest parameter now, is not finite or grew beyond measure."""
        if not (math.isfinite(self.loss) and math.isfinite(largest)):
            return True
        grown = largest / max(1.0, self.start)
        first = self.loss if self.first is None else self.first
        return grown > ALONE or (grown > PARAMETERS and abs(self.loss) > LOSS * max(1.0, abs(first)))

    def __str__(self) -> str:
        first = "" if self.first is None else f", {self.first:.3g} at the first step"
        return f"mean loss {self.loss:.3g}{first}"
