"""The seconds that loading Numba and the natives' kernels takes, estimated from what is there, never from a clock."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

IMPORT_SECONDS = 0.5
"""Importing Numba, and reading a training's kernels from its cache on disk; rough."""
COMPILE_SECONDS = 4.0
"""Compiling a training's kernels where the cache has none; rough."""


def loading_seconds() -> float:
    """0 where Numba and the kernels are loaded; else what is left of importing and of compiling."""
    if f"{__package__}.natives" in sys.modules:
        return 0.0
    importing = 0.0 if sys.modules.get("numba") is not None else IMPORT_SECONDS
    return importing + (0.0 if _cached() else COMPILE_SECONDS)


@cache
def _cached() -> bool:
    """True where Numba's cache on disk has kernels of the natives, compiled after their source was written."""
    source = Path(__file__).with_name("kernels.py")
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "numba"
    given = Path(os.environ.get("NUMBA_CACHE_DIR") or home)  # beside the source where it can be written to
    folders = [source.parent / "__pycache__", *given.glob(f"{source.parent.name}_*")]
    written = source.stat().st_mtime
    return any(
        index.stat().st_mtime >= written for folder in folders for index in folder.glob("kernels.*.nbi")
    )
