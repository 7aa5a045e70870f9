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
    """What a run tells of itself: its largest parameter at the start and now, its first loss and its latest.

    loss is the mean over an epoch's steps, each before its update; `after` that of some samples after the last update,
    looked at where the parameters grew. largest: NaN where anything of the state is not finite.
    """

    start: float
    first: float | None = None
    loss: float = math.nan
    after: float = 0.0
    largest: float = 0.0

    def grown(self) -> bool:
        """Whether parameters grew so much that the last update may have made of the loss what no step has seen."""
        return self.largest > PARAMETERS * max(1.0, self.start)

    def exploded(self) -> bool:
        """Whether anything is not finite, or the loss or the largest parameter grew beyond measure."""
        if not all(map(math.isfinite, (self.loss, self.after, self.largest))):
            return True
        first = self.loss if self.first is None else self.first
        loud = abs(self.loss) > LOSS * max(1.0, abs(first))
        return self.largest > ALONE * max(1.0, self.start) or (self.grown() and loud)

    def __str__(self) -> str:
        first = "" if self.first is None else f", {self.first:.3g} at the first step"
        after = "" if math.isfinite(self.after) else f", {self.after:.3g} after the last"
        return f"mean loss {self.loss:.3g}{first}{after}"
