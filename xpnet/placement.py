"""Where a model lives: its backend, its parameters there, and the way in and out for arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np

from . import backends
from .data import Targets, as_array
from .errors import choose, flag, integer, number, require_function, shown
from .layers import Layer, is_layer
from .namespace import device as device_of
from .ops import LOSSES, Loss
from .ops.loss import loss_op
from .ops.opspec import named
from .optim import OPTIMIZERS, Optimizer
from .train import History, Rows, Trainer, to_inputs
from .typing import Array, Shape, State

if TYPE_CHECKING:
    from .data import Columns

REDUCTIONS = ("mean", "sum")
DTYPES = ("float32", "float64")
NATIVES = ("auto", "compile")
_FIXED = ("network", "loss", "optimizer", "reduction", "dtype", "seed", "natives", "deterministic")
_DECIDED = ("_trainer", "input_shape", "_output_shape", "_targets", "_follows_data")
"""What the first data decide."""
Method = TypeVar("Method", bound=Callable[..., Any])


def undecided(method: Method) -> Method:
    """A call that fails before it has trained decides nothing: no backend, no shape of input, no labels."""

    @wraps(method)
    def call(self: Placed, *args: Any, **options: Any) -> Any:
        before = {name: self.__dict__[name] for name in _DECIDED}
        trainings = 0 if self._trainer is None else self._trainer.trainings
        try:
            return method(self, *args, **options)
        except BaseException:
            trainer = self._trainer
            if trainer is None or trainer.trainings == (trainings if trainer is before["_trainer"] else 0):
                self.__dict__.update(before)
            raise

    return cast(Method, call)


class Placed:
    """A network with its loss, optimizer and parameters on a backend; `Model` learns and answers with it."""

    def __init__(
        self,
        network: Layer,
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
        if not is_layer(network):
            raise TypeError(f"network: a layer was wanted, such as xn.Sequential(...), {shown(network)} came")
        loss = named(LOSSES, loss)
        op = loss_op(loss)
        if callable(loss):
            require_function("loss", loss, "outputs", target="target")
        if isinstance(optimizer, str):
            optimizer = OPTIMIZERS[choose("optimizer", optimizer, OPTIMIZERS)]()
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer: xn.adam(1e-3) or a name was wanted, {shown(optimizer)} came")
        choose("reduction", reduction, REDUCTIONS)
        word = getattr(dtype, "__name__", str(dtype)).rpartition(".")[2]  # "float32", or torch.float32
        dtype = word if word in DTYPES else choose("dtype", dtype, DTYPES)
        seed = integer("seed", seed, "must be an integer, 0 or more", low=0)
        if natives not in NATIVES if isinstance(natives, str) else not isinstance(natives, bool):
            raise ValueError(f"natives {shown(natives)} must be True, False, 'auto' or 'compile'")
        flag("deterministic", deterministic)
        _rate(optimizer.peak, dtype)
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self._loss = _tried(op) if isinstance(loss, Loss) else op
        self.natives, self.deterministic = natives, deterministic
        self.reduction, self.dtype, self.seed = reduction, dtype, seed
        self.history = History()
        self.input_shape: Shape | None = None
        self.columns: Columns | None = None
        self._output_shape: Shape = ()
        self._follows_data = backend is None
        self._device = device
        self._trainer: Trainer | None = None
        self._staying = False
        self._targets = self._new_targets()
        if backend is not None:
            self._settle(backend, device)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in self.__dict__:
            raise AttributeError(
                f"{name} is fixed when a model is made: make another, or set lr for the rate"
            )
        super().__setattr__(name, value)

    @property
    def lr(self) -> float:
        """The learning rate, or the peak rate of its schedule; may be set, also by a callback."""
        return float(self._built().state["lr"])

    @lr.setter
    def lr(self, rate: float) -> None:
        trainer = self._built()
        trainer.state["lr"] = trainer.backend.asarray(np.asarray(_rate(rate, self.dtype)), dtype=self.dtype)

    @property
    def backend(self) -> backends.Backend | None:
        """The backend that the model is on; None before it has seen data, if none was named."""
        return None if self._trainer is None else self._trainer.backend

    @property
    def updates(self) -> str:
        """What the last training ran on: "portable", or its natives, such as "numba" or "torch.compile"."""
        return "portable" if self._trainer is None else self._trainer.updates

    @property
    def steps_per_call(self) -> int:
        """How many steps the last `fit` ran at once: 1 where the backend runs one after another."""
        return 1 if self._trainer is None else self._trainer.steps_per_call

    def to(self, backend: Any, device: Any = None) -> Self:
        """Moves the model, its optimizer state and random streams included, to another backend or device."""
        self._require_rest("to()")
        self._move(backend, device)
        self._follows_data = False
        return self

    def build(self, input_shape: Iterable[int]) -> Self:
        """Draws the parameters for samples of this shape, the batch left out; `fit` does so by itself."""
        return self._build(input_shape)

    def _build(self, input_shape: Iterable[int], *, fill: Callable[[State], State] | None = None) -> Self:
        sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else (0,)
        wanted = "must be a tuple of positive sizes without the batch, such as (64,)"
        try:
            shape = tuple(integer("size", size) for size in sizes)
        except ValueError as error:
            raise ValueError(f"input_shape {shown(input_shape)} {wanted}") from error
        trainer = self._trainer or self._settle("auto", self._device)
        if trainer.started:
            raise ValueError(
                "build would throw the trained parameters away: call reset() first if that is meant"
            )
        self._output_shape = trainer.build(shape, fill=fill)
        self.input_shape = shape
        return self

    def _new_targets(self) -> Targets:
        return Targets.of_loss(self._loss)

    def _settle(self, backend: Any, device: Any) -> Trainer:
        """A trainer on a backend by name, or on one at hand; BackendError where it lacks the dtype."""
        if not isinstance(backend, backends.Backend):
            backend = backends.get(backend, device)
        elif device is not None:
            raise ValueError(
                f"device {device!r}: the backend given is on {backend.device_name} already: leave device out"
            )
        backend.dtype(self.dtype)
        self._trainer = Trainer(
            self.network,
            self._loss,
            self.optimizer,
            backend,
            reduction=self.reduction,
            dtype=self.dtype,
            seed=self.seed,
            natives=self.natives,
            deterministic=self.deterministic,
        )
        return self._trainer

    def _move(self, backend: Any, device: Any) -> Trainer:
        """Settles elsewhere and takes the state along."""
        old, trainer = self._trainer, self._settle(backend, device)
        if old is not None and self.input_shape is not None:
            trainer.load(old.dump(), epochs=old.epochs)
        return trainer

    def _snapshot(self, part: str) -> Snapshot:
        trainer = self._built()
        return Snapshot(trainer.backend.copy(trainer.state[part]))

    @contextmanager
    def _stay(self) -> Iterator[Trainer]:
        """While training runs the model stays on its backend, and from then on follows no data."""
        self._require_rest("fit or partial_fit")
        trainer = self._built()
        if not trainer.state["params"]:
            raise ValueError(
                f"network {shown(self.network)} has no parameters, and so nothing to learn: "
                "give it a layer that has, such as xn.Dense(10)"
            )
        self._staying, self._follows_data = True, False
        try:
            yield trainer
        finally:
            self._staying = False

    def _require_rest(self, call: str) -> None:
        """RuntimeError while training runs, which a callback can neither move nor restart."""
        if self._staying:
            raise RuntimeError(f"{call} was called while fit runs: call it before or after")

    def _built(self) -> Trainer:
        if self._trainer is None or self.input_shape is None:
            raise ValueError("the model has no parameters yet: call fit, or build(input_shape), first")
        return self._trainer

    def _inputs(self, x: Any) -> tuple[Array, Array | Rows]:
        """(x as it came, x on the backend); the first data settle where the model lives."""
        given = as_array("x", x)
        trainer = self._trainer
        if self._follows_data and not self._staying and not isinstance(given, np.ndarray | np.generic):
            if trainer is None:
                trainer = self._settle(backends.of(given, self._device), None)
            elif not trainer.backend.owns(given):
                trainer = self._move(backends.of(given, self._device), None)
        trainer = trainer or self._settle("auto", self._device)
        inner = to_inputs(
            trainer.backend,
            given,
            input_shape=self.input_shape,
            dtype=self.dtype,
            ids=getattr(self.network, "takes_ids", False),
            id_limit=getattr(self.network, "id_limit", None),
        )
        return given, inner

    def _outputs(self, x: Any) -> tuple[Array, Array]:
        self._built()
        given, inner = self._inputs(x)
        return given, self._built().outputs(inner)  # the model may have moved to where x is

    def _answer(self, found: Array, given: Array) -> Array:
        """In the namespace and on the device of what was given."""
        backend = self._built().backend
        if not backend.owns(given):
            return backend.to_numpy(found)
        place = device_of(given)
        return found if device_of(found) == place else backend.asarray(found, device=place)


def _rate(rate: Any, dtype: str) -> float:
    """A learning rate that the dtype holds; ValueError for another."""
    rate = number("lr", rate)
    if rate > float(np.finfo(dtype).max):
        raise ValueError(f"lr {rate:g} is beyond {dtype}: choose a smaller one")
    return rate


def _tried(loss: Any) -> Any:
    """A loss of ours that one sample was given to, so that options out of range are found at once."""
    if getattr(loss, "__module__", "").startswith("xpnet.ops."):
        loss(np.full((1, 2), 0.5), target=np.full((1, 2 // getattr(loss, "outputs", 1)), 0.5))
    return loss


class Snapshot(dict[str, Array]):
    """Copies of a model's arrays by name. Changing them would change no model, so they refuse it."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        super().__init__(arrays)
        for x in arrays.values():
            if isinstance(x, np.ndarray):
                x.setflags(write=False)

    def _refuse(self, *args: Any, **options: Any) -> Any:
        name = args[0] if args and isinstance(args[0], str) else "0.weight"
        raise TypeError(
            f"these are copies: assign all of them, model.params = {{**model.params, {name!r}: new}}"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
