"""When a training has exploded."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOSS_RATIO = 1e4
"""Loss divided by the first batch's, or by 1, above which a training whose parameters grew has diverged."""
PARAMETER_RATIO = 10.0
"""Growth of the largest parameter that a diverged loss must come with: a large loss alone may be an outlier's."""
PARAMETER_RATIO_ALONE = 1e8
"""Growth of the largest parameter that is divergence whatever the loss: dead or saturated units do not show it."""


@dataclass
class DivergenceMonitor:
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
        return self.largest > PARAMETER_RATIO * max(1.0, self.start)

    def exploded(self) -> bool:
        """Whether anything is not finite, or the loss or the largest parameter grew beyond measure."""
        if not all(map(math.isfinite, (self.loss, self.after, self.largest))):
            return True
        first = self.loss if self.first is None else self.first
        loud = abs(self.loss) > LOSS_RATIO * max(1.0, abs(first))
        return self.largest > PARAMETER_RATIO_ALONE * max(1.0, self.start) or (self.grown() and loud)

    def __str__(self) -> str:
        first = "" if self.first is None else f", {self.first:.3g} at the first step"
        after = "" if math.isfinite(self.after) else f", {self.after:.3g} after the last"
        return f"mean loss {self.loss:.3g}{first}{after}"
