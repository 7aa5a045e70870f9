"""The placement of a model: its backend, its trainer there, and the way in and out for arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from . import backends
from .data import Targets, as_array, check_column_names, column_names
from .errors import about, integer, shown
from .namespace import device as device_of
from .spec import ModelSpec
from .train import (
    Batches,
    FitOptions,
    LazyRows,
    Samples,
    Snapshot,
    Stream,
    Trainer,
    check_known,
    to_inputs,
    to_samples,
)
from .typing import Array, Shape, State


@dataclass(frozen=True)
class Decided:
    """The decisions that the first data make for a model; replaced as a whole, never changed.

    follows_data: True while the model moves to the library of its data. trainer: None before a backend is chosen.
    input_shape, output_shape: of one sample; None and () before the model is built. feature_names: of the columns of
    the table that the model was trained on, or None.
    """

    targets: Targets
    follows_data: bool
    trainer: Trainer | None = None
    input_shape: Shape | None = None
    output_shape: Shape = ()
    feature_names: tuple[str, ...] | None = None


class _Running:
    """Alive while a training runs."""


class Session(NamedTuple):
    """A training's trainer, its `Samples` or `Stream` of batches, and the samples to validate on, or None."""

    trainer: Trainer
    given: Any
    held: Samples | None


class Placement:
    """A model's trainer on a backend, and all that data decide; arrays reach the trainer through here alone."""

    def __init__(self, spec: ModelSpec, backend: Any, device: Any) -> None:
        self.spec = spec
        self.decided = Decided(spec.new_targets(), follows_data=backend is None)
        self._running: list[ref[_Running]] = []  # a training that ends, in whatever way, removes its own
        self._device = device
        if backend is not None:
            self.place_on(backend, device)

    def __getstate__(self) -> dict[str, Any]:
        """A copy made while training runs, as by a callback, is at rest."""
        return {**self.__dict__, "_running": []}

    @property
    def training(self) -> bool:
        """True while a training runs."""
        return bool(self._running)

    # Backend and parameters

    def place_on(self, backend: Any, device: Any) -> Trainer:
        """Places the model, without a state, on a backend."""
        trainer = self._new_trainer(backend, device)
        self.decided = replace(self.decided, trainer=trainer)
        return trainer

    def _new_trainer(self, backend: Any, device: Any) -> Trainer:
        """A trainer on a backend, given by name or as an instance; BackendError where it lacks the dtype."""
        if not isinstance(backend, backends.Backend):
            backend = backends.get(backend, device)
        elif device is not None:
            raise ValueError(
                f"device {device!r}: the backend given is on {backend.device_name} already: leave device out"
            )
        spec = self.spec
        backend.dtype(spec.dtype)
        return Trainer(
            spec.network,
            spec.loss_op,
            spec.optimizer,
            backend,
            reduction=spec.reduction,
            dtype=spec.dtype,
            seed=spec.seed,
            natives=spec.natives,
            deterministic=spec.deterministic,
        )

    def move(self, backend: Any, device: Any) -> Trainer:
        """Places the model elsewhere and takes its state along; where that fails, the model stays as it was."""
        old, trainer = self.decided.trainer, self._new_trainer(backend, device)
        if old is not None and self.decided.input_shape is not None:
            trainer.load(old.dump(), epochs=old.epochs)
        self.decided = replace(self.decided, trainer=trainer)
        return trainer

    def settle(self, backend: Any, device: Any) -> None:
        """Moves the model for good: from here on it follows no data."""
        self.require_rest("to()")
        self.move(backend, device)
        self.decided = replace(self.decided, follows_data=False)

    def build(self, input_shape: Iterable[int], *, fill: Callable[[State], State] | None = None) -> None:
        """Draws the parameters for samples of this shape; fill: see `Trainer.build`."""
        sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else (0,)
        wanted = "must be a tuple of positive sizes without the batch, such as (64,)"
        try:
            shape = tuple(integer("size", size) for size in sizes)
        except ValueError as error:
            raise ValueError(f"input_shape {shown(input_shape)} {wanted}") from error
        trainer = self.decided.trainer or self.place_on("auto", self._device)
        if trainer.started:
            raise ValueError(
                "build would discard the trained parameters: call reset() first if that is intended"
            )
        output_shape = trainer.build(shape, fill=fill)
        self.decided = replace(self.decided, input_shape=shape, output_shape=output_shape)

    def reset(self) -> None:
        """Forgets the labels and the names of columns, and draws the parameters anew where the model was built."""
        self.decided = replace(self.decided, targets=self.spec.new_targets(), feature_names=None)
        trainer, shape = self.decided.trainer, self.decided.input_shape
        if trainer is not None and shape is not None:
            trainer.started = False
            self.build(shape)

    def restore(
        self,
        *,
        input_shape: Any,
        fill: Callable[[State], State],
        epochs: int,
        targets: Callable[[Targets, Shape], Targets],
        feature_names: tuple[str, ...] | None,
    ) -> None:
        """Builds the model from a saved state; targets: the saved ones, checked against the model's; see `saving`."""
        self.build(input_shape, fill=fill)
        self.require_built().epochs = epochs
        self.learn(targets(self.decided.targets, self.decided.output_shape), feature_names)

    def learn(self, targets: Targets, names: tuple[str, ...] | None = None) -> None:
        """Keeps the targets that data defined, and the names of x's columns where they are the first."""
        names = self.decided.feature_names or names
        if targets is not self.decided.targets or names is not self.decided.feature_names:
            self.decided = replace(self.decided, targets=targets, feature_names=names)

    # Permission and rollback

    def require_built(self) -> Trainer:
        """The trainer; ValueError before the model has parameters."""
        if self.decided.trainer is None or self.decided.input_shape is None:
            raise ValueError("the model has no parameters yet: call fit, or build(input_shape), first")
        return self.decided.trainer

    def require_rest(self, call: str) -> None:
        """RuntimeError while training runs: a callback can neither move the model nor restart it."""
        if self.training:
            raise RuntimeError(f"{call} was called while fit runs: call it before or after")

    @contextmanager
    def rollback_on_error(self) -> Iterator[None]:
        """A block that fails before it has trained decides nothing: no backend, no input shape, no labels."""
        before = self.decided
        trainings = 0 if before.trainer is None else before.trainer.trainings
        try:
            yield
        except BaseException:
            trainer = self.decided.trainer
            if trainer is None or trainer.trainings == (trainings if trainer is before.trainer else 0):
                self.decided = before
            raise

    @contextmanager
    def training_session(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        several: bool = False,
        stream: FitOptions | None = None,
    ) -> Iterator[Session]:
        """Places the data and keeps the model on its backend while the block runs; afterwards it follows no data.

        stream: the options of the run where x gives batches and there is no y. several: True where the first y must
        hold two labels at least. An error before the first step decides nothing.
        """
        with self.rollback_on_error(), ExitStack() as ends:
            given: Any  # Samples, or a Stream
            if stream is not None:
                given = ends.enter_context(Stream(x, self._batch, stream.steps_per_epoch))
            else:
                given, targets = self.samples(x, y, sample_weight, class_weight, several=several)
                self.learn(targets, column_names(x))
            trainer = ends.enter_context(self._stay())
            held = None
            if validation_data is not None:
                with about("validation_data"):
                    held, _ = self.samples(*validation_data)
            yield Session(trainer, given, held)

    @contextmanager
    def _stay(self) -> Iterator[Trainer]:
        trainer = self.require_built()
        if not trainer.state["params"]:
            raise ValueError(
                f"network {shown(self.spec.network)} has no parameters, and so nothing to learn: "
                "give it a layer that has, such as xn.Dense(10)"
            )
        running = _Running()  # known to this frame alone: gone with it, wherever an exception ends it
        try:
            self._running.append(ref(running, self._running.remove))
            if self._running[0]() is not running:  # of several threads the first to append trains
                self.require_rest("fit or partial_fit")
            if self.decided.follows_data:
                self.decided = replace(self.decided, follows_data=False)
            yield trainer
        finally:
            del running

    # Arrays in and out

    def samples(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, *, several: bool = False
    ) -> tuple[Samples, Targets]:
        """(samples on the backend, the targets that y defines); builds the model at its first data."""
        _, inner = self._inputs(x)
        if self.decided.input_shape is None:
            self.build(inner.shape[1:])
        return to_samples(
            self.require_built().backend,
            inner,
            y,
            targets=self.decided.targets,
            output_shape=self.decided.output_shape,
            dtype=self.spec.dtype,
            sample_weight=sample_weight,
            class_weight=class_weight,
            several=several,
        )

    def outputs(self, x: Any) -> tuple[Array, Array]:
        """(x as it came, the network's outputs in prediction mode on the backend)."""
        self.require_built()
        given, inner = self._inputs(x)
        return given, self.require_built().outputs(inner)  # the model may have moved to where x is

    def like_input(self, found: Array, given: Array) -> Array:
        """An array of the backend's in the namespace and on the device of the input."""
        backend = self.require_built().backend
        if not backend.owns(given):
            return backend.to_numpy(found)
        place = device_of(given)
        return found if device_of(found) == place else backend.asarray(found, device=place)

    def snapshot(self, part: str) -> Snapshot:
        """Copies of a part of the state."""
        trainer = self.require_built()
        return Snapshot(trainer.backend.copy(trainer.state[part]))  # type: ignore[literal-required]

    def averaged(self) -> Snapshot:
        """The parameters with their running averages in place; see `Model.averaged`."""
        trainer, optimizer = self.require_built(), self.spec.optimizer
        if optimizer.average is None:
            raise ValueError(
                f"{optimizer!r} keeps no averages: give it one, such as average=0.999 or average='mean'"
            )
        moved = int(trainer.backend.to_numpy(trainer.state["step"])[0]) > 0  # before, the averages are 0
        averages = self.snapshot("slots").get("average", {}) if moved else {}
        return Snapshot({**self.snapshot("params"), **averages})

    def _batch(self, x: Any, y: Any, sample_weight: Any = None) -> Batches:
        """One batch of a stream, on the backend, in memory of its own: the stream may fill its arrays anew."""
        check_known(self.decided.targets, y)
        samples, targets = self.samples(x, y, sample_weight)
        self.learn(targets, column_names(x))
        return self.require_built().batches(samples.apart_from(self.require_built().backend, x), len(samples))

    def _inputs(self, x: Any) -> tuple[Array, Array | LazyRows]:
        """(x as it came, x on the backend); the first data choose the backend."""
        check_column_names(x, self.decided.feature_names)
        given, spec = as_array("x", x), self.spec
        trainer = self.decided.trainer
        follows = self.decided.follows_data and not self.training
        if follows and not isinstance(given, np.ndarray | np.generic):
            if trainer is None:
                trainer = self.place_on(backends.of(given, self._device), None)
            elif not trainer.backend.owns(given):
                trainer = self.move(backends.of(given, self._device), None)
        trainer = trainer or self.place_on("auto", self._device)
        inner = to_inputs(
            trainer.backend,
            given,
            input_shape=self.decided.input_shape,
            dtype=spec.dtype,
            ids=getattr(spec.network, "takes_ids", False),
            id_limit=getattr(spec.network, "id_limit", None),
        )
        return given, inner
