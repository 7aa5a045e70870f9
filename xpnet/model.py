"""Model: a network, its parameters and a backend, with fit, predict and save."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from .data import Targets
from .errors import BackendError, about
from .layers import summary
from .metrics.named import as_metrics, measured
from .placement import Placed, Snapshot, undecided
from .train import (
    Batches,
    Callback,
    Data,
    History,
    Progress,
    Rows,
    Source,
    Stream,
    as_callbacks,
    check_fit,
    check_known,
    check_stream,
    hears_steps,
    hold_out,
    to_data,
)
from .typing import Array, Flat


class Model(Placed):
    """A network with a loss and an optimizer, trained on the backend that its data comes from.

    network: a layer. loss: an op's name, with options
    `Loss("huber", delta=2.0)`, or an op of one's own. optimizer: `xn.adam(1e-3)` or a name.
    reduction: "mean" or "sum" of the samples' losses in a batch. backend, device: names, or None to follow
    the data; NumPy arrays then go where "auto" says. dtype: of parameters and inputs. seed: of everything
    random: initial weights, order of samples, dropout.
    natives: whether faster twins run in the place of ops and update. On NumPy compiled ones with the same bits (the
    extra `fast`), "auto" where the work of a `fit` repays loading them; on PyTorch its own kernels, with True Numba's
    update, both to rounding, and with "compile" torch.compile, which needs a C++ compiler and half a minute; on
    JAX its own loop along time, without which a long one takes minutes to compile; on CuPy fused kernels, with True
    alone.
    Unless it is False, a step on NumPy that has no code but xpnet's in it is recorded once and replayed.
    deterministic: BLAS runs on one thread, and large products of a replayed step in pieces on several cores, so that
    the bits are the same on any number of them; False gives BLAS threads of its own instead. Both need threadpoolctl
    (the extra `fast`), without which BLAS keeps its own setting. Predictions and scores always run on BLAS's own
    threads, on whose number their last bits hang.
    The attribute `columns`, None, may be set to the `xn.data.Columns` that x came from: it is saved with the model,
    so that `model.columns.inputs(frame)` makes x of a later table.
    """

    def reset(self) -> Model:
        """Starts anew: fresh parameters from the seed, no optimizer state, no history, no labels."""
        self._require_rest("reset()")
        self.history, self._targets = History(), self._new_targets()
        if self._trainer is None or self.input_shape is None:
            return self
        self._trainer.started = False
        return self.build(self.input_shape)

    @undecided
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int,
        batch_size: int | None = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        sample_weight: Any = None,
        class_weight: Any = None,
        callbacks: Iterable[Any] = (),
        verbose: bool = False,
        steps_per_call: int | None = None,
    ) -> History:
        """Trains for so many epochs more, from the present parameters, optimizer state and random streams.

        x (n, ...), y (n,) labels, (n, time) labels of each place in sequences, or (n, ...) values: arrays of any
        supported library, or what NumPy can read.
        batch_size: 32 unless given.
        An x in a mapped file, `numpy.load(path, mmap_mode="r")`, is read when it is used, some batches ahead, and gives
        the bits of the same x in memory. A y is loaded, unless it is such a file of several numbers for a sample.
        Without y, x gives the batches, (x, y) or (x, y, sample_weight), each of them a step: a function that makes
        a fresh iterator for each epoch, a list or a loader; it runs in a thread, a batch ahead.
        steps_per_call: how many steps the backend runs at once, between which nothing can be seen or broken off;
        None leaves it to the backend, and 1 runs them one by one, with the same bits.
        Prints nothing unless `verbose`. Gives the history of all epochs so far.
        Errors: LabelError for targets that do not fit, DivergedError for an exploding loss, ValueError and
        TypeError for inputs that do not fit.
        """
        size = 32 if batch_size is None else batch_size
        check_fit(epochs, size, steps_per_call, validation_data, validation_split)
        listeners = as_callbacks(callbacks) + ([Progress(epochs)] if verbose else [])
        with ExitStack() as ends:
            batches: Source
            data = held = None
            if y is None:
                alien = {"batch_size": batch_size, "validation_split": validation_split or None}
                alien |= {"sample_weight": sample_weight, "class_weight": class_weight}
                alien |= {"accumulate": None if self.optimizer.accumulate == 1 else self.optimizer.accumulate}
                check_stream(x, epochs, **alien)
                batches = ends.enter_context(Stream(x, self._batch))
            else:
                data, self._targets = self._data(x, y, sample_weight, class_weight, several=True)
            trainer = ends.enter_context(self._stay())
            if validation_data is not None:
                with about("validation_data"):
                    held, _ = self._data(*validation_data)
            if data is not None:
                if validation_split:
                    kind = self._targets.kind
                    data, held = hold_out(trainer.backend, data, validation_split, kind=kind, seed=self.seed)
                batches = trainer.batches(data, int(size))
            for listener in reversed(listeners):
                ends.callback(listener.on_end, self)  # every one is called, whatever happens
            for listener in listeners:
                listener.on_begin(self)
            records = trainer.run(
                batches,
                epochs=int(epochs),
                steps_per_call=steps_per_call and int(steps_per_call),
                on_steps=self._on_steps([listener for listener in listeners if hears_steps(listener)]),
            )
            for record in records:
                if held is not None:
                    scores = trainer.scores(held, self._targets)
                    record.update({f"val_{name}": value for name, value in scores.items()})
                self.history.add(record)
                stops = [listener.on_epoch(self, record) for listener in listeners]  # every one is called
                if any(stops):
                    break
        return self.history

    @undecided
    def partial_fit(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One step on all of x and y; the loss before it."""
        data, self._targets = self._data(x, y, sample_weight)
        with self._stay() as trainer:
            return trainer.step(data)

    def forward(self, x: Any) -> Array:
        """The network's raw outputs in prediction mode, in x's namespace and on its device."""
        given, outputs = self._outputs(x)
        return self._answer(outputs, given)

    def predict(self, x: Any) -> Array:
        """Labels as they were in y for classification losses, outputs otherwise; in x's namespace and device.

        Labels of text come as a NumPy array whatever x is.
        """
        given, outputs = self._outputs(x)
        targets, backend = self._targets, self._built().backend
        found = targets.decode(outputs)
        if targets.labels == (False, True) and backend.owns(given):
            return self._answer(backend.xp.astype(found, backend.xp.bool), given)
        if targets.labels is not None:
            return targets.label(backend.to_numpy(found))
        if targets.kind == "values" or targets.dtype is None:
            return self._answer(found, given)
        if not backend.owns(given):
            return backend.to_numpy(found).astype(targets.dtype)
        try:
            dtype = backend.dtype(targets.dtype)
        except BackendError:  # y came from the host in a dtype that this library does not have
            dtype = backend.dtype("float32" if "float" in targets.dtype else "int32")
        return self._answer(found if found.dtype == dtype else backend.xp.astype(found, dtype), given)

    def predict_proba(self, x: Any) -> Array:
        """Probabilities: the outputs, through softmax or sigmoid for the losses that take logits.

        ValueError for a loss whose outputs are scores, such as hinge.
        """
        link = getattr(self._loss, "link", None)
        if link is None and self._targets.threshold == 0:
            raise ValueError(
                f"predict_proba: the loss {self.loss!r} makes outputs scores, not probabilities: use predict or forward"
            )
        given, outputs = self._outputs(x)
        return self._answer(outputs if link is None else link(outputs)[0], given)

    @undecided
    def evaluate(self, x: Any, y: Any, sample_weight: Any = None, *, metrics: Any = ()) -> dict[str, Any]:
        """{"loss": ...}, "accuracy" for classification losses, and each of the metrics by its name.

        metrics: names of `xpnet.metrics`, also "f1_macro" and its kin, or functions `f(y_true, y_pred)`, a list or a
        dict of them by names of one's own. They get arrays of the backend's, classes by their numbers; a second
        argument named y_score or y_proba is probabilities. With sample_weight they take that as a keyword, too.
        """
        self._built()
        chosen = as_metrics(metrics, weighted=sample_weight is not None)
        data, targets = self._data(x, y, sample_weight)
        trainer = self._built()
        found: dict[str, Any] = trainer.scores(data, targets)
        if chosen:
            backend = trainer.backend
            with backend.device_context():
                found |= measured(
                    chosen,
                    targets,
                    trainer.outputs(data.x),
                    data.y.take(slice(None)) if isinstance(data.y, Rows) else data.y,
                    link=getattr(self._loss, "link", None),
                    sample_weight=None
                    if sample_weight is None
                    else backend.asarray(data.plain, dtype=self.dtype),
                )
        return found

    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table."""
        if self.input_shape is None:
            return f"{self.network!r}, not built yet: its shapes are known once it has seen data"
        return summary(self.network, self.input_shape, self.dtype)

    @property
    def params(self) -> Flat:
        """The parameters by name, on the backend: copies, which training leaves alone; assign to change them."""
        return self._snapshot("params")

    @params.setter
    def params(self, new: Flat) -> None:
        self._built().replace("params", new)

    @property
    def averaged(self) -> Flat:
        """The running averages of the parameters, copies: `model.params = model.averaged` takes them over.

        ValueError where the optimizer keeps none. Batch norm's statistics are those of the last step.
        """
        state = self._built().state
        if self.optimizer.average is None:
            raise ValueError(
                f"{self.optimizer!r} keeps no averages: give it one, such as average=0.999 or average='mean'"
            )
        moved = int(self._built().backend.to_numpy(state["step"])[0]) > 0  # before, they are 0
        return Snapshot({**self.params, **(self._snapshot("slots").get("average", {}) if moved else {})})

    @property
    def buffers(self) -> Flat:
        """The buffers by name, such as running means: copies, as `params`."""
        return self._snapshot("buffers")

    @buffers.setter
    def buffers(self, new: Flat) -> None:
        self._built().replace("buffers", new)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model with its optimizer state: training goes on from the file as if never interrupted."""
        from .saving import save  # hashlib and its kin take 20 ms to import

        save(path, self, self._built(), self._targets)

    def __repr__(self) -> str:
        place = (
            "no backend yet"
            if self.backend is None
            else f"on {self.backend.name} ({self.backend.device_name})"
        )
        return f"<Model {self.network!r}, loss {self.loss!r}, {self.optimizer!r}, {self.dtype}, {place}>"

    def _on_steps(self, listeners: list[Callback]) -> Callable[[dict[str, Any]], None] | None:
        def call(record: dict[str, Any]) -> None:
            for listener in listeners:
                listener.on_steps(self, record)

        return call if listeners else None

    def _batch(self, x: Any, y: Any, sample_weight: Any = None) -> Batches:
        """One batch of a stream, on the backend."""
        check_known(self._targets, y)
        data, self._targets = self._data(x, y, sample_weight)
        return self._built().batches(data, len(data))

    def _data(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, several: bool = False
    ) -> tuple[Data, Targets]:
        """Samples on the backend, and what y shows of the targets; builds the model at its first data."""
        _, inner = self._inputs(x)
        if self.input_shape is None:
            self.build(inner.shape[1:])
        return to_data(
            self._built().backend,
            inner,
            y,
            targets=self._targets,
            output_shape=self._output_shape,
            dtype=self.dtype,
            sample_weight=sample_weight,
            class_weight=class_weight,
            several=several,
        )


def load(
    path: str | os.PathLike[str], *, backend: Any = None, device: Any = None, custom: Iterable[type] = ()
) -> Model:
    """The model in a file, on a backend, or where its first data will be; `custom` names layers of one's own.

    ModelFileError for a file that is not a whole, unchanged model; BackendError where the backend cannot
    hold it.
    """
    from .saving import load

    return load(Model, path, backend, device, custom)
