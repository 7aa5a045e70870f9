"""The contract of a backend: an array library's devices, data movement and compilation. No network mathematics.

A backend is a subclass of `Backend`. Only `name` and `xp` must be given; each other method has a portable default,
written in the Python Array API standard. What may have to be overridden, and when:

    package, install                 the library is no dependency of the class's own package
    available                        an import succeeds where the library cannot compute
    devices, device, name_of         the library has several devices, or other names for them than str(device)
    device_context                   new arrays land on a device that is set globally; warnings must be silenced
    device_name                      the name of the selected device is not that of `name_of`
    capabilities                     no float64 on this device; no values (shapes only); `compile` traces the step
    to_numpy                         arrays offer the host neither a working `__array__` nor DLPack
    from_numpy, copy_to              asarray(x, device=..., copy=True) is absent, slow or not a copy
    copy, snapshot                   all arrays are copied in one call; `epoch` leaves its first state intact
    owns                             two libraries share a namespace
    require_values                   some of the library's arrays hold no plain values (sparse, symbolic)
    dtype, no_float64                dtypes depend on a switch of the library
    canonical_layout                 the bits of a product depend on the strides of its factors
    synchronize                      work runs asynchronously
    update, scalars, natives         the library has faster kernels of its own
    choose_threads, threads          the number of BLAS threads can be set, and matters
    compile                          the step is jitted, or runs in a mode of the library (no_grad)
    choose_steps, overlaps_epochs,
    epoch, steps, batches, split_batches,
    losses                           many steps run in one call: see `epochs`

A method with an underscore is no part of the contract: no backend overrides one.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from importlib.util import find_spec
from inspect import signature
from typing import Any, ClassVar

import numpy as np

from .. import tree
from ..dtypes import dtype_name, in_numpy_format
from ..errors import BackendError, shown
from ..loading import obstacle
from ..namespace import device, namespace
from ..optim import Optimizer, scalars_after, update_each
from ..typing import Array, Device, Flat, Namespace, Rule, State
from .epochs import EpochLoop
from .host import copy_to_host
from .protocol import Availability, Capabilities, Natives

_DTYPE = re.compile(r"bool|u?int(8|16|32|64)|b?float16|float(32|64)|complex(64|128)")

RENAMED = {
    "_copy_to": "copy_to",
    "_cut": "split_batches",
    "_no_float64": "no_float64",
    "_own": "copy_to",
    "_placed": "_warm_caches",
    "_split": "split_batches",
    "_upload": "from_numpy",
    "begins_early": "overlaps_epochs",
    "called": "name_of",
    "in_order": "canonical_layout",
    "keep": "snapshot",
    "on": "device_context",
    "place": "device_name",
}
"""Former names of methods of `Backend`. A subclass that has one is refused: its override would have no effect."""


class Backend(EpochLoop, ABC):
    """An array library on one device.

    selected: the device that new arrays land on, as the library names it; None if the library has no devices.
    """

    name: ClassVar[str]
    """The name under which `get` finds the backend and records name it."""
    package: ClassVar[str | None] = None
    """The package that must be importable; None if the backend is always available."""
    install: ClassVar[str] = ""
    """The command that installs the package."""

    why: str = "asked for by name"
    """The reason for which `get` or `of` chose this backend, in words."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for old, new in RENAMED.items():
            if hasattr(cls, old):
                raise TypeError(
                    f"{cls.__name__}.{old}: this method of a backend is called {new} now: rename it"
                )
        if "deterministic" in signature(cls.threads).parameters:
            raise TypeError(
                f"{cls.__name__}.threads: this method of a backend takes the number of threads alone now: decide it in "
                "choose_threads(products, *, deterministic)"
            )

    def __init__(self, device: Any = None) -> None:
        self.selected = self.device(device)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None if self.selected is None else str(self.selected),)

    def __repr__(self) -> str:
        return f"<{self.name} on {self.device_name}>"

    @property
    @abstractmethod
    def xp(self) -> Namespace:
        """The namespace of the standard's functions. The library is imported here, and not with the class's module."""

    # Availability and devices

    @classmethod
    def available(cls, *, probe: bool = False) -> Availability:
        """Availability: true if the library is installed and, with `probe`, computes; else the reason. Never raises."""
        try:
            if cls.package is not None and find_spec(cls.package) is None:
                return Availability(False, f"{cls.package} is not installed: {cls.install}")
            if not probe:
                return Availability(True, "installed")
            reason = None if cls.package is None else obstacle(cls.package, cls.install)
            if reason is not None:
                return Availability(False, reason)
            return Availability(True, cls()._probe())
        except Exception as error:
            # whatever the library raises, the reason is kept and shown
            return Availability(False, f"{type(error).__name__}: {error}".splitlines()[0])

    def _probe(self) -> str:
        """Runs an elementwise kernel, a matrix product and a copy to the host; returns a sentence for `available`."""
        x = self.asarray(np.arange(4.0, dtype="float32").reshape(2, 2))
        got = self.to_numpy((x + 1.0) @ x)
        if not np.array_equal(got, [[4.0, 7.0], [8.0, 15.0]]):
            raise BackendError(f"a 2 x 2 matrix product came out as {got.tolist()}")
        return f"computes on {self.device_name}"

    def devices(self) -> list[Device]:
        """The devices that the library finds on this machine."""
        info = getattr(self.xp, "__array_namespace_info__", None)
        return [d for d in info().devices() if d is not None] if info else []

    def device(self, spec: Any = None) -> Device:
        """The library's device of a name such as "cpu" or "cuda:1", or of its own device object.

        spec: None selects the library's default. BackendError for a device that is not there.
        """
        if spec is None:
            info = getattr(self.xp, "__array_namespace_info__", None)
            return info().default_device() if info else None
        for known in self.devices():
            if known == spec or spec in (str(known), self.name_of(known)):
                return known
        here = ", ".join(map(self.name_of, self.devices())) or "none by name"
        raise BackendError(f"device {shown(spec)} is not one of backend {self.name!r}: here are {here}")

    def device_context(self, device: Device = None) -> AbstractContextManager[Any]:
        """A context manager in which new arrays land on `device`, by default on the selected one.

        By default NumPy's floating-point errors are ignored in it, whatever a user has set: overflow and NaN are
        checked once an epoch, on each backend alike, and reported there.
        """
        return np.errstate(all="ignore")

    @property
    def device_name(self) -> str:
        """The name of the selected device, for messages and results."""
        return "cpu" if self.selected is None else self.name_of(self.selected)

    def name_of(self, device: Device) -> str:
        """The name of a device, as `device` takes it from a user."""
        return str(device)

    @cached_property
    def capabilities(self) -> Capabilities:
        """The properties of this backend on its selected device."""
        return Capabilities()

    # Data

    def asarray(self, host: Any, *, dtype: Any = None, device: Any = None) -> Array:
        """A copy of a host array, or of one of the library's own arrays, on the device.

        The result never shares memory with `host`. dtype: a standard name, or the dtype of any library
        that has one, by default that of `host`.
        """
        place = self.selected if device is None else self.device(device)
        own = None if dtype is None else self.dtype(dtype)
        if isinstance(host, np.ndarray):
            host = in_numpy_format(host)
            if own is None and host.dtype.kind not in "biufc":
                self.dtype(host.dtype.name)  # refuses it
        if self.owns(host):
            x = host if own is None else self.xp.astype(host, own)
            return self._warm_caches(self.copy_to(x, place))
        wanted = None if own is None else dtype_name(dtype)
        if wanted == "bfloat16":  # NumPy has none: float32 holds all its numbers
            return self._warm_caches(self.xp.astype(self.asarray(host, dtype="float32", device=device), own))
        with np.errstate(all="ignore"):
            host = np.array(in_numpy_format(np.asarray(host)), dtype=wanted, order="C", copy=True)
        host = host.astype(host.dtype.newbyteorder("="), copy=False)
        self.dtype(host.dtype.name)
        return self._warm_caches(self.from_numpy(host, place))

    def from_numpy(self, host: np.ndarray, device: Device) -> Array:
        """A contiguous host array in native byte order as an array on the device; it may take the memory over."""
        return self.xp.asarray(host, device=device)

    def copy_to(self, x: Array, device: Device) -> Array:
        """A copy of one of the library's own arrays on a device."""
        return self.xp.asarray(x, device=device, copy=True)

    def _warm_caches(self, x: Array) -> Array:
        """Fills the caches that `namespace` and `device` keep by type: a tracing compiler would see them change."""
        namespace(x), device(x)  # a cache that is filled while a compiler traces costs a recompilation
        return x

    def to_numpy(self, x: Array) -> np.ndarray:
        """A copy of an array on the host, by `__array__` or else by DLPack; BackendError if neither has numbers."""
        return copy_to_host(x, self.name)

    def owns(self, x: Any) -> bool:
        """True if `x` is an array of this library."""
        try:
            return namespace(x) is self.xp
        except TypeError:
            return False

    def require_values(self, name: str, x: Any) -> None:
        """Raises TypeError if `x`, the argument `name` of the user's call, is an array without plain values."""

    def dtype(self, name: Any) -> Any:
        """The library's dtype of a standard name, or of the dtype of another library.

        BackendError for an unknown name, or for float64 without support.
        """
        if isinstance(name, str) and name in self._dtypes:
            return self._dtypes[name]
        try:
            name = dtype_name(name)
        except TypeError as error:
            raise BackendError(f"dtype {error}") from error
        if name == "float64" and not self.capabilities.float64:
            raise BackendError(self.no_float64())
        if not _DTYPE.fullmatch(name) or not hasattr(self.xp, name):
            raise BackendError(
                f"dtype {name!r} is not one of backend {self.name!r}: give one such as 'float32'"
            )
        return self._dtypes.setdefault(name, getattr(self.xp, name))

    @cached_property
    def _dtypes(self) -> dict[str, Any]:
        """The dtypes that `dtype` has found, by name: a prediction of one row asks twice."""
        return {}

    def no_float64(self) -> str:
        """The message of the error for float64."""
        return f"backend {self.name!r} has no float64 on {self.device_name}: use dtype='float32'"

    def canonical_layout(self, x: Array) -> Array:
        """`x`, or a contiguous copy if the library's products of `x` as it is strided have other bits."""
        return x

    def copy(self, arrays: Any) -> Any:
        """A nested dict, list or tuple of arrays with each array copied."""
        return tree.map(lambda x: self.copy_to(x, device(x)), arrays)

    def snapshot(self, state: State) -> State:
        """A state that stays valid while the steps of an epoch consume `state`: by default a copy."""
        return self.copy(state)

    def synchronize(self) -> None:
        """Waits until the device has finished all dispatched work."""

    # Computation

    def update(
        self, rule: Rule, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
    ) -> tuple[Flat, dict[str, Flat]]:
        """Applies an optimizer's rule to each parameter; returns (params, slots). Consumes `params` and `slots`."""
        return update_each(rule, params, grads, slots, scalars)

    def scalars(self, optimizer: Optimizer, lr: Array, count: Array) -> tuple[Any, ...]:
        """The scalar arguments of a rule's next update, from the state's lr () and count (1,)."""
        return scalars_after(optimizer, lr, count)

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        """The library's own kernels that a training runs in the place of portable code.

        wanted: True for all, False for none, "auto" for the backend's choice.
        dtype: the standard name of the parameters' dtype.
        seconds: the time of the training in portable code, estimated from sizes.
        """
        return Natives(update=self.update, why=f"{self.name} has no natives")

    def choose_threads(self, products: Iterable[int], *, deterministic: bool) -> tuple[int | None, str]:
        """(the number of threads for the matrix products of a step, the reason); None leaves the library's own setting.

        products: the multiply-adds of each matrix product of a step.
        deterministic: the bits must be the same on any number of cores.
        """
        return None, f"{self.name} sets its threads itself"

    def threads(self, count: int | None) -> AbstractContextManager[Any]:
        """A context manager that limits the library's BLAS to `count` threads; None leaves its own setting."""
        return nullcontext()

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        """The function compiled by the library, as far as it compiles; by default the function itself.

        consumes: the positions of arguments whose arrays the function may overwrite; the caller drops them.
        natives: the kernels in force while it runs, as `natives` returned them; None outside a training.
        """
        return function
