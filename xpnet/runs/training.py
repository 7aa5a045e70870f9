"""A training by a configuration, and its result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..backends import get
from ..layers import Dense, Flatten, Sequential
from ..model import Model
from ..optim import adamw
from ..optim.schedules import cosine
from ..train import EarlyStopping
from . import folder
from .config import Config
from .scores import baseline, score
from .sources import Source, read

DEFAULT_STEPS = 1800
"""The steps of a training without a given number of epochs."""
MIN_EPOCHS = 10
"""The fewest epochs that these steps become."""
MAX_EPOCHS = 200
"""The most epochs that these steps become."""
TABLE_DECAY = 1.0
"""The default weight decay for standardised inputs, against overfitting of small tables."""
PIXELS_DECAY = 0.01
"""The default weight decay for pixels in [0, 1], which are smaller inputs and need larger weights."""


class Best(EarlyStopping):
    """A callback that keeps the best weights, in case the training is interrupted, and never stops it."""

    def __init__(self, epochs: int, *, monitor: str) -> None:
        super().__init__(monitor=monitor)
        self.epochs = epochs

    def on_epoch(self, model: Any, record: dict[str, Any]) -> bool:
        super().on_epoch(model, record)
        if record["epoch"] == self.epochs:
            self._arrays, self.best_epoch = None, self.epochs  # a complete training keeps its last weights
        return False


@dataclass
class Run:
    """A finished training.

    model: the trained model. config: the configuration, with all settings that the data decided. source: the samples.
    metrics: the scores, and what they were measured on.
    best_epoch: the epoch whose weights the model has.
    stopped: best_epoch if Ctrl-C interrupted the training or the scoring, else None.
    """

    model: Model
    config: Config
    source: Source
    metrics: dict[str, Any]
    best_epoch: int
    stopped: int | None = None

    def score(self) -> None:
        """Adds the scores to `metrics`; Ctrl-C leaves them out."""
        model, source = self.model, self.source
        scored = source.held or source.train
        try:
            rate, says = baseline(model, source.train[1], scored[1])
            found: dict[str, Any] = {
                "baseline": rate,
                "baseline_says": says,
                "train": score(model, *source.train),
                "test": score(model, *source.held) if source.held else None,
            }
        except KeyboardInterrupt:  # the trained model is not lost
            self.stopped = self.best_epoch
            found = {"stopped": self.best_epoch}
        self.metrics.update(found)

    def save(self, path: Path | None = None, *, force: bool = False) -> Path:
        """Writes the folder of the run and returns its path; see `folder.write`."""

        def fill(stage: Path) -> None:
            folder.save(stage, self.model, self.config, self.metrics)

        return folder.write(path, self.source.name, fill, force=force)


def prepare(config: Config) -> tuple[Model, Config, Source]:
    """(model, configuration, samples): the untrained model, and the configuration with all settings decided."""
    source = read(config)
    x = source.train[0]
    steps = max(1, math.ceil(len(x) / max(1, config.batch_size)))
    epochs = (
        min(max(round(DEFAULT_STEPS / steps), MIN_EPOCHS), MAX_EPOCHS)
        if config.epochs is None
        else config.epochs
    )
    decay = config.weight_decay
    if decay is None:
        decay = PIXELS_DECAY if source.columns is None else TABLE_DECAY
    backend = get(config.backend, config.device)
    model = Model(
        network(x.shape[1:], config.hidden, source.outputs),
        loss="softmax_cross_entropy" if source.classes else "mse",
        optimizer=adamw(cosine(config.lr, max(1, epochs * steps)), weight_decay=decay),
        backend=backend,
        dtype=config.dtype,
        seed=config.seed,
    )
    model.columns = source.columns
    decided = {**source.decided, "epochs": epochs, "weight_decay": decay, "backend": backend.name}
    return model, replace(config, **decided), source


def network(input_shape: tuple[int, ...], hidden: Iterable[int], outputs: int) -> Sequential:
    """Dense layers with ReLU between them, for samples of any shape."""
    flat = [Flatten()] if len(input_shape) > 1 else []
    return Sequential(*flat, *(Dense(units, "relu") for units in hidden), Dense(outputs))


def train(
    model: Model,
    config: Config,
    source: Source,
    *,
    callbacks: Iterable[Any] = (),
    rescue: Callable[[Run], None] | None = None,
) -> Run:
    """Trains and scores the model that `prepare` returned.

    Ctrl-C ends the training with the best weights so far; a second one ends the scoring. The best weights have the
    lowest loss on the samples held out, or on the training samples without any.
    rescue: called with the run, still without scores, where Ctrl-C ended the training.
    KeyboardInterrupt if no epoch was finished; otherwise the errors of `Model.fit`.
    """
    assert config.epochs is not None
    best = Best(config.epochs, monitor="val_loss" if source.held else "loss")
    start, stopped = time.perf_counter(), None
    try:
        model.fit(
            *source.train,
            epochs=config.epochs,
            batch_size=config.batch_size,
            validation_data=source.held,
            callbacks=[*callbacks, best],
        )
    except KeyboardInterrupt:
        stopped = best.best_epoch
        if not stopped:
            raise
    seconds = time.perf_counter() - start
    assert model.backend is not None
    epochs = model.history.epochs
    metrics = {
        "backend": model.backend.name,
        "device": model.backend.device_name,
        "seed": config.seed,
        "epochs": epochs,
        "stopped": stopped,
        "baseline": None,
        "baseline_says": None,
        "train": None,
        "test": None,
        "seconds": seconds,
        "samples_per_second": epochs * len(source.train[0]) / seconds,
    }
    run = Run(model, config, source, metrics, best.best_epoch, stopped)
    if stopped is not None and rescue is not None:
        rescue(run)
    run.score()
    return run
