"""Model files: safetensors with the configuration and a checksum, never pickle; conversion to and from PyTorch."""

from __future__ import annotations

from .config import from_config, to_config
from .files import read, write
from .pytorch import from_torch, to_torch
from .state import flat_state, nested_state
from .whole import write_whole

__all__ = [
    "flat_state",
    "from_config",
    "from_torch",
    "nested_state",
    "read",
    "to_config",
    "to_torch",
    "write",
    "write_whole",
]


def __dir__() -> list[str]:
    return sorted(__all__)
