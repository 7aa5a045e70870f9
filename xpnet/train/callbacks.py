"""Callbacks: code that runs around and between the epochs of a training."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

import numpy as np

from ..calls import checked_constructor
from ..errors import choose, flag, integer, number, require_function, shown, unknown
from ..ops import LOSSES

MODES = ("auto", "min", "max")


class Callback:
    """Called around and between epochs; every method may be left out.

    `on_epoch` gets the model, whose parameters and history are current, and the epoch's record; it stops the
    training by returning True. A plain function `f(model, record)` is a callback too.

    >>> x, y, *_ = xn.data.iris()
    >>> model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer=xn.adam(0.01))
    >>> class Stop(xn.Callback):
    ...     def on_epoch(self, model, record):
    ...         return record["epoch"] == 2
    >>> model.fit(x, y, epochs=9, callbacks=[Stop()]).epochs
    2
    """

    def on_begin(self, model: Any) -> None:
        """Before the first epoch."""

    def on_steps(self, model: Any, record: dict[str, Any]) -> None:
        """After each call of the backend within an epoch, of `plan.steps_per_call` steps at most.

        record: "step", the steps done in this epoch; "steps", those of the call; "loss", their mean loss.
        An error here undoes the epoch. Where no callback has this method, nothing waits for the device.
        """

    def on_epoch(self, model: Any, record: dict[str, Any]) -> bool | None:
        """After each epoch."""

    def on_end(self, model: Any) -> None:
        """After the last epoch, also when training ends with an error or Ctrl-C."""


@checked_constructor
class EarlyStopping(Callback):
    """Stops when a monitored value has not improved for `patience` epochs, and restores the best weights.

    monitor: a column of the history, by default "val_loss"; a value counts as better by more than `min_delta`.
    mode: "min" where smaller is better, "max" where larger is, or None, which asks the name: the losses and metrics of
    xpnet are known, also behind "val_". ValueError for another name without a mode.

    >>> x, y, *_ = xn.data.iris()
    >>> model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer=xn.adam(0.01))
    >>> stop = xn.EarlyStopping(monitor="val_loss", patience=2)
    >>> model.fit(x, y, epochs=3, validation_split=0.2, callbacks=[stop]).epochs
    3
    """

    def __init__(
        self,
        *,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str | None = None,
    ) -> None:
        if not isinstance(monitor, str):
            raise TypeError(
                f"EarlyStopping: monitor {shown(monitor)} must be a column's name, such as 'val_loss'"
            )
        wanted = "must be a number of epochs, 0 or more"
        self.monitor, self.patience = monitor, integer("EarlyStopping: patience", patience, wanted, low=0)
        self.min_delta = number("EarlyStopping: min_delta", min_delta)
        flag("EarlyStopping: restore_best", restore_best)
        self.restore_best = restore_best
        self.mode = check_mode(self, mode)
        self._start(0)  # on_end comes without on_begin where another callback's on_begin fails

    def _start(self, epoch: int) -> None:
        self.best: float | None = None
        self.best_epoch = epoch
        self._arrays: tuple[Any, Any] | None = None

    def on_begin(self, model: Any) -> None:
        self._start(model.history.epochs)

    def on_epoch(self, model: Any, record: dict[str, Any]) -> bool:
        value = monitored(self, record)
        gain = 0.0 if self.best is None else self.best - value
        gain = -gain if larger_is_better(self) else gain
        if gain > self.min_delta or (self.best is None and not math.isnan(value)):  # NaN is never best
            # copies, which further steps leave alone; Ctrl-C meanwhile leaves the best epoch as it was
            arrays = (model.params, model.buffers) if self.restore_best else None
            self.best, self.best_epoch, self._arrays = value, record["epoch"], arrays
        return record["epoch"] - self.best_epoch >= max(1, self.patience)

    def on_end(self, model: Any) -> None:
        if self._arrays is not None:
            model.params, model.buffers = self._arrays
        self._arrays = None


def monitored(callback: Any, record: dict[str, Any]) -> float:
    """The value of the column `callback.monitor`; ValueError where the record has none of that name."""
    monitor = callback.monitor
    if monitor not in record:
        hint = ": give fit validation_data or validation_split" if monitor.startswith("val_") else ""
        raise ValueError(f"{unknown(f'{type(callback).__name__}: monitor', monitor, record)}{hint}")
    return float(record[monitor])


def check_mode(callback: Callback, mode: Any) -> str | None:
    """A mode, None for "auto"; ValueError for another."""
    return None if mode is None or choose("mode", mode, MODES) == "auto" else mode


def larger_is_better(callback: Any) -> bool:
    """True where the monitored column is better the larger it is; ValueError where neither mode nor name tells."""
    from ..metrics.named import direction

    name = callback.monitor.removeprefix("val_")
    mode = callback.mode or ("min" if name in LOSSES else direction(name))
    if mode is None:
        raise ValueError(
            f"{type(callback).__name__}: monitor {callback.monitor!r} is no metric of xpnet, and its name does not "
            "tell whether larger or smaller is better: give mode='max' or mode='min'"
        )
    return mode == "max"


class Progress(Callback):
    """A line per `every` epochs on standard error."""

    def __init__(self, epochs: int, *, every: int = 1, stream: TextIO | None = None) -> None:
        self.epochs, self.every, self.stream = epochs, every, stream

    def on_begin(self, model: Any) -> None:
        self.first = model.history.epochs

    def on_epoch(self, model: Any, record: dict[str, Any]) -> None:
        done = record["epoch"] - self.first
        if done % self.every and done != self.epochs:
            return
        values = (f"{name} {value:.4g}" for name, value in record.items() if name not in ("epoch", "seconds"))
        print(f"epoch {done}/{self.epochs}  {'  '.join(values)}", file=self.stream or sys.stderr, flush=True)


class Function(Callback):
    """A plain function as a callback."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def on_epoch(self, model: Any, record: dict[str, Any]) -> bool | None:
        stop = self.function(model, record)
        if stop is not None and not isinstance(stop, bool | np.bool_):
            raise TypeError(
                f"callbacks: {shown(self.function)} gave {shown(stop)}: return True to stop, or nothing"
            )
        return bool(stop)


def hears_steps(callback: Callback) -> bool:
    """True where the callback has an `on_steps` of its own."""
    return getattr(callback.on_steps, "__func__", None) is not Callback.on_steps


class CallbackList:
    """The callbacks of one training, called in order; functions among those given become callbacks.

    TypeError for anything that is neither a callback nor a function.
    """

    def __init__(self, given: Any, more: Iterable[Callback] = ()) -> None:
        if isinstance(given, Callback | type) or not isinstance(given, Iterable):
            raise TypeError(
                f"callbacks: a list was wanted, {shown(given)} came: put it in a list, callbacks=[...]"
            )
        self._callbacks = [*map(_as_callback, given), *more]

    @contextmanager
    def around(self, model: Any) -> Iterator[None]:
        """Calls `on_begin` of each, and at the end of the block, an error included, `on_end` of each."""
        with ExitStack() as ends:
            for callback in reversed(self._callbacks):
                ends.callback(callback.on_end, model)  # each is called, even where one fails
            for callback in self._callbacks:
                callback.on_begin(model)
            yield

    def on_epoch(self, model: Any, record: dict[str, Any]) -> bool:
        """Calls `on_epoch` of each, also after one has returned True; True where the training is to stop."""
        stops = [callback.on_epoch(model, record) for callback in self._callbacks]
        return any(stops)

    def on_steps(self, model: Any) -> Callable[[dict[str, Any]], None] | None:
        """A function that calls each `on_steps`; None where no callback has one, so that nothing waits for it."""
        listening = [callback for callback in self._callbacks if hears_steps(callback)]

        def call(record: dict[str, Any]) -> None:
            for callback in listening:
                callback.on_steps(model, record)

        return call if listening else None


def _as_callback(given: Any) -> Callback:
    if isinstance(given, Callback):
        return given
    if isinstance(given, type):
        raise TypeError(
            f"callbacks: an instance was wanted, {shown(given)} came: make one, {given.__name__}()"
        )
    require_function("callbacks: an instance of xn.Callback or", given, "model", "record")
    return Function(given)
