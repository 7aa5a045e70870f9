"""Divergence: the rule by which a training counts as exploded."""

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
    """The quantities of a training by which divergence is judged.

    start, largest: the largest magnitude among the parameters, at the start and now; NaN where the state holds a
    value that is not finite. first: the loss of the first step. loss: the mean over an epoch's steps, each before its
    update. after: the loss of some samples after the epoch's last update, computed only where the parameters grew.
    """

    start: float
    first: float | None = None
    loss: float = math.nan
    after: float = 0.0
    largest: float = 0.0

    def grown(self) -> bool:
        """True where the largest parameter grew so much that the loss after the last update must be computed."""
        return self.largest > PARAMETER_RATIO * max(1.0, self.start)

    def exploded(self) -> bool:
        """True where a quantity is not finite, or grew beyond the ratios above."""
        if not all(map(math.isfinite, (self.loss, self.after, self.largest))):
            return True
        first = self.loss if self.first is None else self.first
        loud = abs(self.loss) > LOSS_RATIO * max(1.0, abs(first))
        return self.largest > PARAMETER_RATIO_ALONE * max(1.0, self.start) or (self.grown() and loud)

    def __str__(self) -> str:
        first = "" if self.first is None else f", {self.first:.3g} at the first step"
        after = "" if math.isfinite(self.after) else f", {self.after:.3g} after the last"
        return f"mean loss {self.loss:.3g}{first}{after}"
