"""Reduction of the learning rate when a monitored value stops improving."""

from __future__ import annotations

import math
from typing import Any

from ..calls import checked_constructor
from ..errors import choose
from .callbacks import Callback, check_mode, larger_is_better, monitored


@checked_constructor
class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a monitored value has not got better for `patience` epochs.

    monitor: a column of the history; it gets better by more than `threshold` of the best so far, or with
    threshold_mode "abs" by more than `threshold` itself.
    mode: "min", "max", or None, as in `EarlyStopping`.
    After a reduction `cooldown` epochs do not count. The rate stays at `min_lr` or above it, and as it is where it
    would change by `eps` or less. It multiplies `Model.lr`, which a schedule and the rates of groups follow. As
    PyTorch's class of this name for values above 0 (of one below 0 it takes any for better that is not much worse);
    each `fit` begins anew.

    >>> x, y, *_ = xn.data.iris()
    >>> model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer=xn.adam(0.01))
    >>> slower = xn.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=0, threshold=1.0)
    >>> model.fit(x, y, epochs=3, callbacks=[slower]).epochs, round(model.lr, 6)
    (3, 0.0025)
    """

    def __init__(
        self,
        *,
        monitor: str = "val_loss",
        mode: str | None = None,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        name = type(self).__name__
        if not isinstance(factor, int | float) or not 0 <= factor < 1:
            raise ValueError(f"{name}: factor {factor!r} is not in [0, 1)")
        for what, count in (("patience", patience), ("cooldown", cooldown)):
            if not isinstance(count, int) or count < 0:
                raise ValueError(f"{name}: {what} {count!r} must be a number of epochs, 0 or more")
        for what, size in (("threshold", threshold), ("min_lr", min_lr), ("eps", eps)):
            if not isinstance(size, int | float) or not 0 <= size < math.inf:
                raise ValueError(f"{name}: {what} {size!r} must be a finite number, 0 or more")
        choose("threshold_mode", threshold_mode, ("rel", "abs"))
        self.monitor, self.factor, self.patience, self.cooldown = monitor, factor, patience, cooldown
        self.mode = check_mode(self, mode)
        self.threshold, self.threshold_mode, self.min_lr, self.eps = threshold, threshold_mode, min_lr, eps
        self.on_begin(None)

    def on_begin(self, model: Any) -> None:
        self.best, self.bad, self.resting = math.inf, 0, 0

    def on_epoch(self, model: Any, record: dict[str, Any]) -> None:
        value = monitored(self, record)
        value = -value if larger_is_better(self) else value
        needed = self.threshold * (abs(self.best) if self.threshold_mode == "rel" else 1.0)
        if value < self.best - needed or (self.best == math.inf and value < math.inf):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.resting > 0:
            self.resting, self.bad = self.resting - 1, 0
        if self.bad > self.patience:
            self.resting, self.bad = self.cooldown, 0
            rate = max(model.lr * self.factor, self.min_lr)
            if model.lr - rate > self.eps:
                model.lr = rate
