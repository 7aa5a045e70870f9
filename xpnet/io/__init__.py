"""Model files: safetensors with the configuration and a checksum; never pickle."""

from __future__ import annotations

from .config import from_config, to_config
from .files import read, write, write_whole
from .state import flat_state, nested_state

__all__ = ["flat_state", "from_config", "nested_state", "read", "to_config", "write", "write_whole"]
