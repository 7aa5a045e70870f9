"""The registry of backends: xpnet's own, registered classes, and the entry points of installed packages."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy

from ..calls import checked
from ..errors import BackendError, MissingExtraError, shown, unknown
from ..installed import BACKENDS, entry_points
from ..namespace import device as device_of
from ..namespace import namespace
from ..typing import Array
from .base import Backend
from .protocol import Availability

_known: dict[str, type[Backend] | str] = {name: spec.cls for name, spec in BACKENDS.items()}


@checked
def get(name: str = "auto", device: Any = None) -> Backend:
    """A new instance of the backend of a name, on a device.

    name: "auto" selects the backend that XPNET_BACKEND names, else CuPy if a CUDA device computes, else NumPy; the
        result's `why` states the reason.
    device: by default XPNET_DEVICE for "auto", else the library's own default.
    ValueError for an unknown name; BackendError for a backend or a device that cannot be used here.
    """
    why = Backend.why
    if name == "auto":
        name, why = _automatic()
        device = device if device is not None else os.environ.get("XPNET_DEVICE") or None
    cls = find(name)
    usable = cls.available()
    if not usable and cls.package is not None and find_spec(cls.package) is None:
        raise MissingExtraError(f"backend {name!r}", cls.package, cls.install)
    if not usable:
        raise BackendError(f"backend {name!r} cannot be used: {usable.reason}")
    backend = cls(device)
    backend.why = why
    return backend


@checked
def find(name: str) -> type[Backend]:
    """The class of a backend, by name. Its module, or its entry point, is imported here and not before."""
    known = _known.get(name) if isinstance(name, str) else None
    if isinstance(known, str):
        module, _, attribute = known.partition(":")
        return getattr(import_module(f".{module}", __package__), attribute)
    if known is not None:
        return known
    for point in entry_points():
        if point.name == name:
            register(name, point.load())
            return find(name)
    raise unknown("backend", name, names())


@checked
def register(name: str, cls: type[Backend]) -> None:
    """Registers a backend class under a name. The class is called without arguments, or with a device."""
    if not (isinstance(cls, type) and issubclass(cls, Backend)):
        raise TypeError(
            f"backend {name!r}: a subclass of xpnet.backends.Backend was wanted, {shown(cls)} came"
        )
    if not isinstance(name, str) or not name:
        raise ValueError(f"backend {shown(name)} is not a name: register under text, such as 'mine'")
    if name == "auto":
        raise ValueError("backend 'auto' means the automatic choice: register under another name")
    _known[name] = cls


@checked
def names() -> list[str]:
    """The known names in order of registration, then those of entry points. Imports no library."""
    return list(dict.fromkeys([*_known, *(point.name for point in entry_points())]))


@checked
def available(*, probe: bool = False) -> dict[str, Availability]:
    """The availability of each known backend, by name; `probe` also computes on each. Never raises."""
    found = {}
    for name in names():
        try:
            found[name] = find(name).available(probe=probe)
        except Exception as error:
            # a third party's broken entry point is reported, and the others still listed
            found[name] = Availability(False, f"{type(error).__name__}: {error}")
    return found


@checked
def probe(name: str) -> dict[str, Any]:
    """A report on one backend, after a computation on it: computes, reason, device, devices, float64."""
    usable = find(name).available(probe=True)
    found = {"computes": usable.ok, "reason": usable.reason, "device": None, "devices": [], "float64": None}
    if usable:
        backend = find(name)()
        found["device"], found["float64"] = backend.device_name, backend.capabilities.float64
        found["devices"] = [find(name)(device).device_name for device in backend.devices()] or [
            backend.device_name
        ]
    return found


@checked
def of(x: Array, device: Any = None) -> Backend:
    """The backend of an array's library, on `device` or else on the array's own device."""
    xp = namespace(x)
    if xp is numpy:
        return get("auto", device)
    for name in list(_known):
        cls = find(name)
        if cls.package is not None and cls.package not in sys.modules:
            continue
        try:
            found = cls().xp is xp
        except BackendError:  # the library is imported and has no device, such as CuPy without a driver
            continue
        if found:
            backend = cls(device_of(x) if device is None else device)
            backend.why = "the data is there"
            return backend
    raise BackendError(
        f"no backend is known for arrays of {xp.__name__}: name one, Model(..., backend=...); "
        f"known are {', '.join(names())}"
    )


def _automatic() -> tuple[str, str]:
    """(the name that "auto" selects, the reason)."""
    chosen = os.environ.get("XPNET_BACKEND")
    if chosen and chosen != "auto":
        return chosen, "XPNET_BACKEND names it"
    cuda = _cupy()
    if cuda:
        return "cupy", f"CuPy {cuda.reason}"
    return "numpy", f"CuPy cannot be used: {cuda.reason}"


@cache
def _cupy() -> Availability:
    """CuPy's availability; a probe takes seconds, so it runs once in a process."""
    return find("cupy").available(probe=True)
