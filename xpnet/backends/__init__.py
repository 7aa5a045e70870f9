"""Array libraries by name: devices, data movement, compilation."""

from __future__ import annotations

from .base import Backend
from .malloc import keep_pages
from .protocol import Availability, Capabilities, Natives
from .registry import available, find, get, names, of, probe, register

__all__ = [
    "Availability",
    "Backend",
    "Capabilities",
    "Natives",
    "available",
    "find",
    "get",
    "keep_pages",
    "names",
    "of",
    "probe",
    "register",
]


def __dir__() -> list[str]:
    return sorted(__all__)
