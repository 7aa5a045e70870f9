"""What a backend is: an array library's devices, data movement and compilation. No network mathematics.

A new backend subclasses `Backend`, gives `name` and `xp`, and overrides what its library does otherwise than
the portable defaults.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from .. import tree
from ..errors import BackendError, shown
from ..namespace import device, namespace
from ..optim import Optimizer, scalars_after, update_each
from ..typing import Array, Batch, Device, Flat, Namespace, Rule, State
from .protocol import Availability, CallResult, Capabilities, Epoch, Natives

_DTYPE = re.compile(r"bool|(u?int|b?float|complex)\d+")
GATHERED = 2**18
"""How many numbers are gathered at once for the batches to come: what stays in a cache until its turn."""

RENAMED = {
    "begins_early": "overlaps_epochs",
    "called": "name_of",
    "in_order": "canonical_layout",
    "keep": "snapshot",
    "on": "device_context",
    "place": "device_name",
}
"""Former names of methods of `Backend`. A subclass that has one is refused: its override would have no effect."""


class Backend(ABC):
    """An array library on a device, under one set of names."""

    name: ClassVar[str]
    package: ClassVar[str | None] = None
    """The package whose absence makes the backend unavailable; None where it is always there."""
    install: ClassVar[str] = ""
    """What to install for it, in words that a user can type."""

    why: str = "asked for by name"
    """Why it was chosen, in words."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for old, new in RENAMED.items():
            if hasattr(cls, old):
                raise TypeError(
                    f"{cls.__name__}.{old}: this method of a backend is called {new} now: rename it"
                )

    def __init__(self, device: Any = None) -> None:
        self.selected = self.device(device)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None if self.selected is None else str(self.selected),)

    @property
    @abstractmethod
    def xp(self) -> Namespace:
        """The module of standard functions; importing the library happens here."""

    # Availability and devices

    @classmethod
    def available(cls, *, probe: bool = False) -> Availability:
        """Whether the library is installed; with `probe`, whether it computes. Never raises."""
        try:
            if cls.package is not None and find_spec(cls.package) is None:
                return Availability(False, f"{cls.package} is not installed: {cls.install}")
            if not probe:
                return Availability(True, "installed")
            return Availability(True, cls()._probe())
        except Exception as error:
            # whatever the library raises, the reason is kept and shown
            return Availability(False, f"{type(error).__name__}: {error}".splitlines()[0])

    def _probe(self) -> str:
        """A kernel, a matrix product and a copy to the host; the device in words."""
        x = self.asarray(np.arange(4.0, dtype="float32").reshape(2, 2))
        got = self.to_numpy((x + 1.0) @ x)
        if not np.array_equal(got, [[4.0, 7.0], [8.0, 15.0]]):
            raise BackendError(f"a 2 x 2 matrix product came out as {got.tolist()}")
        return f"computes on {self.device_name}"

    def devices(self) -> list[Device]:
        """The devices that this library sees here."""
        info = getattr(self.xp, "__array_namespace_info__", None)
        return [d for d in info().devices() if d is not None] if info else []

    def device(self, spec: Any = None) -> Device:
        """The library's device for a name such as "cpu" or "cuda:1", or for one of its own; None for its default."""
        if spec is None:
            info = getattr(self.xp, "__array_namespace_info__", None)
            return info().default_device() if info else None
        for known in self.devices():
            if known == spec or spec in (str(known), self.name_of(known)):
                return known
        here = ", ".join(map(self.name_of, self.devices())) or "none by name"
        raise BackendError(f"device {shown(spec)} is not one of backend {self.name!r}: here are {here}")

    def device_context(self, device: Device = None) -> AbstractContextManager[Any]:
        """A context in which new arrays land on `device`, or on the backend's own."""
        return nullcontext()

    @property
    def device_name(self) -> str:
        """The device in words, for messages and results."""
        return "cpu" if self.selected is None else self.name_of(self.selected)

    def name_of(self, device: Device) -> str:
        """A device's name, as a user gives it."""
        return str(device)

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    # Data

    def asarray(self, host: Any, *, dtype: Any = None, device: Any = None) -> Array:
        """A copy of a host array, or of this library's own, on the device; `dtype` by its standard name.

        It is always a copy, so that nothing done to the one shows in the other.
        """
        place = self.selected if device is None else self.device(device)
        if self.owns(host):
            x = host if dtype is None else self.xp.astype(host, self.dtype(dtype))
            return self._placed(self._own(x, place))
        if dtype is not None:
            self.dtype(dtype)
        host = np.array(host, dtype=dtype, order="C", copy=True)
        host = host.astype(host.dtype.newbyteorder("="), copy=False)
        self.dtype(host.dtype.name)
        return self._placed(self._upload(host, place))

    def _upload(self, host: np.ndarray, device: Device) -> Array:
        """A host array that nobody else holds, on the device."""
        return self.xp.asarray(host, device=device)

    def _own(self, x: Array, device: Device) -> Array:
        """A copy of one of the library's own arrays."""
        return self.xp.asarray(x, device=device, copy=True)

    def _placed(self, x: Array) -> Array:
        namespace(x), device(x)  # a type cache filled while a compiler traces costs a recompilation
        return x

    def to_numpy(self, x: Array) -> np.ndarray:
        """A copy on the host."""
        host = np.array(x if hasattr(x, "__array__") else np.from_dlpack(x))
        if host.dtype == object:
            raise BackendError(f"backend {self.name!r} cannot copy to the host: its to_numpy must be written")
        return host

    def owns(self, x: Any) -> bool:
        """Whether `x` is an array of this library."""
        try:
            return namespace(x) is self.xp
        except TypeError:
            return False

    def require_values(self, name: str, x: Any) -> None:  # noqa: B027 - most libraries have no other arrays
        """TypeError where `x`, which the user calls `name`, is one of this library's arrays without plain values."""

    def dtype(self, name: Any) -> Any:
        """The library's dtype of a standard name; BackendError for float64 where there is none."""
        if isinstance(name, str) and name in self._dtypes:
            return self._dtypes[name]
        try:
            name = name if isinstance(name, str) else np.dtype(name).name
        except TypeError as error:
            raise BackendError(
                f"dtype {shown(name)} is no dtype: give its name, such as 'float32'"
            ) from error
        if name == "float64" and not self.capabilities.float64:
            raise BackendError(self._no_float64())
        if not _DTYPE.fullmatch(name) or not hasattr(self.xp, name):
            raise BackendError(
                f"dtype {name!r} is not one of backend {self.name!r}: give one such as 'float32'"
            )
        return self._dtypes.setdefault(name, getattr(self.xp, name))

    @cached_property
    def _dtypes(self) -> dict[str, Any]:
        """Those asked for so far: a prediction of one row asks twice."""
        return {}

    def _no_float64(self) -> str:
        return f"backend {self.name!r} has no float64 on {self.device_name}: use dtype='float32'"

    def canonical_layout(self, x: Array) -> Array:
        """x, or a copy whose numbers lie in order where its products would have other bits as they lie."""
        return x

    def copy(self, arrays: Any) -> Any:
        """The same structure of dicts with copies of its arrays."""
        return tree.map(lambda x: self._own(x, device(x)), arrays)

    def snapshot(self, state: State) -> State:
        """What is left of a state once an epoch's steps have consumed it: here, a copy made before."""
        return self.copy(state)

    def synchronize(self) -> None:  # noqa: B027 - a library that computes at once has nothing to wait for
        """Wait until all work handed to the device is done."""

    # Work

    def update(
        self, rule: Rule, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
    ) -> tuple[Flat, dict[str, Flat]]:
        """Apply an optimizer's rule to every parameter; consumes `params` and `slots`."""
        return update_each(rule, params, grads, slots, scalars)

    def scalars(self, optimizer: Optimizer, lr: Array, count: Array) -> tuple[Any, ...]:
        """The scalars of a rule's next update; lr () and count (1,) are the state's."""
        return scalars_after(optimizer, lr, count)

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        """What a training runs in the place of portable code, where that takes `seconds`, as estimated from sizes.

        wanted: True, False, or "auto", which leaves it to the backend.
        """
        return Natives(update=self.update, why=f"{self.name} has no natives")

    def choose_threads(self, products: Iterable[int], *, deterministic: bool) -> tuple[int | None, str]:
        """(threads for a step's products, why); None for a library that sets its threads itself.

        products: the multiply-adds of each product. deterministic: True where the number of threads may depend on
        nothing that changes a bit of the results.
        """
        return None, f"{self.name} sets its threads itself"

    def threads(self, count: int | None) -> AbstractContextManager[Any]:
        """A context in which products run on `count` threads; None leaves the library's own setting."""
        return nullcontext()

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        """The function as this library runs it best; it may not be used on arguments it consumes again."""
        return function

    def choose_steps(self, seconds: float) -> int:
        """How many steps a call of an epoch runs where nobody says.

        seconds: what a portable step takes, estimated from sizes alone and never from a clock.
        """
        return 1

    def overlaps_epochs(self, seconds: float) -> bool:
        """Whether an epoch whose portable steps take so long is begun while the one before it runs.

        Its calls must leave the state alone that they begin with: they are dropped where somebody replaces an array of
        it in between, or wants no more epochs.
        """
        return False

    def epoch(
        self,
        step: Callable[[State, Batch], tuple[State, dict[str, Array]]],
        look: Callable[[State], Array] | None = None,
    ) -> Epoch:
        """Many steps, one after another, over batches gathered where the data lies.

        look: of the state after a call, for a library that makes it part of the call.
        """

        def run(
            state: State, data: Batch, order: np.ndarray | None, w: np.ndarray, batch_size: int, steps: int
        ) -> Iterator[CallResult]:
            losses: list[Array] = []
            left = -(-len(w) // batch_size)
            for state, metrics in self.steps(step, state, data, order, w, batch_size):  # noqa: B020 - each state leads to the next
                losses.append(metrics["loss"])
                left -= 1
                if len(losses) == steps or not left:
                    yield state, losses[0] if steps == 1 else self.xp.stack(losses), len(losses), None
                    losses = []

        return run

    def steps(
        self, step: Any, state: State, data: Batch, order: np.ndarray | None, w: np.ndarray, batch_size: int
    ) -> Iterator[tuple[State, dict[str, Array]]]:
        """The steps of an epoch, one by one."""
        for batch in self.batches({**data, "w": self.asarray(w)}, order, batch_size):
            state, metrics = step(state, batch)
            yield state, metrics

    def batches(self, data: Batch, order: np.ndarray | None, batch_size: int) -> Iterator[Batch]:
        """The samples in an order, w being in that order already; gathered for several small batches at once."""
        n = data["w"].shape[0]
        if order is None:
            yield from [data] if n <= batch_size else self._cut(data, n, batch_size)
            return
        xp, index = self.xp, self.asarray(order)
        widest = max(math.prod(x.shape[1:]) for x in data.values())
        rows = max(1, GATHERED // (batch_size * max(1, widest))) * batch_size
        for start in range(0, n, rows):
            stop = min(start + rows, n)
            some = {name: xp.take(x, index[start:stop], axis=0) for name, x in data.items() if name != "w"}
            some["w"] = data["w"][start:stop]
            yield from self._cut(some, stop - start, batch_size)

    def _cut(self, data: Batch, n: int, size: int) -> Iterator[Batch]:
        """Consecutive batches."""
        if n <= size:
            yield data
            return
        for start in range(0, n, size):
            part = slice(start, min(start + size, n)), ...
            yield {name: x[part] for name, x in data.items()}

    def losses(self, calls: Sequence[tuple[Array, int]]) -> np.ndarray:
        """One loss per step on the host, of the (losses, steps) that an epoch gave; the device is waited for once."""
        found = [losses for losses, _ in calls]
        if isinstance(found[0], np.generic):  # on the host already
            return np.asarray(found)
        xp = namespace(found[0])
        return self.to_numpy(xp.concat(found) if found[0].shape else xp.stack(found))
