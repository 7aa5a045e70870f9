"""Model: a network, its parameters and a backend, with fit, predict and save."""

from __future__ import annotations

import os
from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from . import predictions
from .calls import checked, checked_class
from .model_state import ModelState
from .placement import Placement, Session
from .spec import ModelSpec
from .train import (
    CallbackList,
    FitOptions,
    History,
    Progress,
    check_stream,
    check_validation,
)
from .typing import Array

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from .data import Columns

_FIXED = ("network", "loss", "optimizer", "reduction", "dtype", "seed", "natives", "deterministic")


@checked_class
class Model(ModelState):
    """A network with a loss and an optimizer, trained on the backend that its data comes from.

    network: a layer.
    loss: an op's name, one with options such as `Loss("huber", delta=2.0)`, or an op of one's own.
    optimizer: `xn.adam(1e-3)` or a name.
    reduction: "mean" or "sum" of the samples' losses in a batch.
    backend, device: names, or None to follow the data; NumPy arrays then go where "auto" says.
    dtype: of parameters and inputs. seed: of everything random: initial weights, order of samples, dropout.
    natives: "auto", True or False: faster twins of ops and of the update; docs/speed.md says how they are chosen. On
    NumPy they have the same bits (the extra `fast`), and a step of xpnet's own code is traced once and replayed, unless
    False. On PyTorch its own kernels, with True Numba's update, both to rounding; "compile" is torch.compile, which
    needs a C++ compiler and half a minute. On JAX a loop along time. On CuPy fused kernels, with True alone.
    deterministic: True gives the same bits on any number of cores; False leaves products to BLAS's own threads. Both
    need threadpoolctl (the extra `fast`). Predictions run on BLAS's threads, on whose number their last bits depend.
    The attribute `columns`, None, may be set to the `xn.data.Columns` that x came from: it is saved with the model,
    so that `model.columns.inputs(frame)` makes x of a later table.

    >>> x, y, *_ = xn.data.iris()
    >>> model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer=xn.adam(0.01))
    >>> history = model.fit(x, y, epochs=40, batch_size=8)
    >>> model.predict(x[:2]).shape, model.evaluate(x, y)["accuracy"] > 0.9
    ((2,), True)
    """

    def __init__(
        self,
        network: Any,
        *,
        loss: Any,
        optimizer: Any,
        reduction: str = "mean",
        backend: Any = None,
        device: Any = None,
        dtype: Any = "float32",
        seed: int = 0,
        natives: bool | str = "auto",
        deterministic: bool = True,
    ) -> None:
        spec = ModelSpec.checked(network, loss, optimizer, reduction, dtype, seed, natives, deterministic)
        self.network, self.loss, self.optimizer = spec.network, spec.loss, spec.optimizer
        self.reduction, self.dtype, self.seed = spec.reduction, spec.dtype, spec.seed
        self.natives, self.deterministic = spec.natives, spec.deterministic
        self.history = History()
        self.columns: Columns | None = None
        self._placement = Placement(spec, backend, device)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in self.__dict__:
            raise AttributeError(f"{name} is fixed: make another model, or set lr for the rate")
        super().__setattr__(name, value)

    def __copy__(self) -> Self:
        """Another model on the same trainer: to move the one leaves the other where it is."""
        (other := object.__new__(type(self))).__dict__.update(vars(self), _placement=copy(self._placement))
        return other

    # Training

    def build(self, input_shape: Iterable[int]) -> Self:
        """Draws the parameters for samples of this shape, the batch left out; `fit` does so by itself."""
        self._placement.build(input_shape)
        return self

    def to(self, backend: Any, device: Any = None) -> Self:
        """Moves the model, its optimizer state and random streams included, to another backend or device."""
        self._placement.settle(backend, device)
        return self

    def reset(self) -> Self:
        """Starts anew: fresh parameters from the seed, no optimizer state, no history, no labels."""
        self._placement.require_rest("reset()")
        self.history = History()
        self._placement.reset()
        return self

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
        steps_per_epoch: int | None = None,
    ) -> History:
        """Trains for `epochs` more epochs, from the present parameters, optimizer state and random streams.

        x (n, ...), y (n,) labels, (n, time) labels of each place in sequences, or (n, ...) values: arrays of any
        supported library, or what NumPy can read. Of a DataFrame the model keeps the names of the columns: a later one
        with other names, or in another order, is refused. x and y are not copied, and must not change until `fit`
        returns.
        batch_size: 32 unless given.
        An x in a mapped file, `numpy.load(path, mmap_mode="r")`, is read when it is used, some batches ahead, and has
        the bits of the same x in memory. A y is loaded, unless it is such a file of several numbers for a sample.
        Without y, x gives the batches, (x, y) or (x, y, sample_weight), each a step: a function that makes a fresh
        iterator for each epoch, a list or a loader; it runs in a thread, a batch ahead, and may refill its arrays.
        steps_per_epoch: batches in an epoch, for a source that is long or endless: the next epoch goes on behind them.
        steps_per_call: how many steps the backend runs at once, between which nothing can be seen or broken off;
        None leaves it to the backend, and 1 runs them one by one, with the same bits.
        Prints nothing unless `verbose`. Returns the history of all epochs so far; `plan` says what ran.
        Errors: LabelError for targets that do not fit, DivergedError for an exploding loss, ValueError and
        TypeError for inputs that do not fit.
        """
        share = 0.0 if validation_split is None else validation_split
        size = 32 if batch_size is None else batch_size
        options = FitOptions(epochs, size, steps_per_call, share, steps_per_epoch)
        check_validation(validation_data, share)
        listeners = CallbackList(callbacks, [Progress(options.epochs)] if verbose else [])
        weights = {"sample_weight": sample_weight, "class_weight": class_weight}
        given_too = {"batch_size": batch_size, "validation_split": share or None, **weights}
        stream = check_stream(x, y, options, self.optimizer, given_too)
        with self._placement.training_session(
            x, y, validation_data=validation_data, several=True, stream=stream, **weights
        ) as (trainer, given, held):
            on_steps = listeners.on_steps(self)
            records = trainer.run(given, options, targets=self.targets, held=held, on_steps=on_steps)
            with listeners.around(self):
                for record in records:
                    self.history.add(record)
                    if listeners.on_epoch(self, record):
                        break
        return self.history

    def partial_fit(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One step on all of x and y; the loss before it."""
        with self._placement.training_session(x, y, sample_weight=sample_weight) as (trainer, given, _):
            return trainer.step(given)

    def training_session(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: Any = None,
    ) -> AbstractContextManager[Session]:
        """A context for a training algorithm of one's own, such as `xn.fit_lbfgs`: (trainer, samples, held).

        The options are those of `fit`. The model is built, and cannot be moved until the block ends.
        """
        weights = {"sample_weight": sample_weight, "class_weight": class_weight}
        return self._placement.training_session(x, y, validation_data=validation_data, **weights)

    def forward(self, x: Any) -> Array:
        """The network's raw outputs in prediction mode, in x's namespace and on its device."""
        given, outputs = self._placement.outputs(x)
        return self._placement.like_input(outputs, given)

    def predict(self, x: Any) -> Array:
        """Labels as in y for classification losses, text as a NumPy array; else outputs, in x's library and device."""
        return predictions.predict(self._placement, x)

    def predict_proba(self, x: Any) -> Array:
        """Probabilities: the outputs, through softmax or sigmoid for the losses that take logits.

        ValueError for a loss whose outputs are scores, such as hinge.
        """
        return predictions.predict_proba(self._placement, x)

    def evaluate(self, x: Any, y: Any, sample_weight: Any = None, *, metrics: Any = ()) -> dict[str, Any]:
        """{"loss": ...}, "accuracy" for classification losses, and each of the metrics by its name.

        metrics: names of `xpnet.metrics`, also "f1_macro" and the other averages, or functions `f(y_true, y_pred)`, a
        list or a dict of them by names of one's own. They get arrays of the backend's, classes by their numbers; a
        second argument named y_score or y_proba is probabilities. With sample_weight they take that as a keyword, too.
        """
        return predictions.evaluate(self._placement, x, y, sample_weight, metrics)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model and its optimizer state: training goes on from the last whole epoch as if uninterrupted."""
        from .saving import save  # hashlib and the modules beside it take 20 ms to import

        save(path, self, self._placement.require_built())

    def __repr__(self) -> str:
        place = f"on {at.name} ({at.device_name})" if (at := self.backend) is not None else "no backend yet"
        return f"<Model {self.network!r}, loss {self.loss!r}, {self.optimizer!r}, {self.dtype}, {place}>"


@checked
def load(
    path: str | os.PathLike[str], *, backend: Any = None, device: Any = None, custom: Iterable[type] = ()
) -> Model:
    """The model in a file or in the folder of a run, on a backend, or where its first data will be.

    custom: layers of one's own. ModelFileError for a file that is not a whole, unchanged model; BackendError.
    """
    from .saving import load

    def restored(given: dict[str, Any], *, history: History, **state: Any) -> Model:
        model = Model(**given)
        model._placement.restore(**state)
        model.history = history
        return model

    return load(restored, path, backend, device, custom)
