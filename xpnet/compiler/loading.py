"""Numba (the extra `fast`), loaded once for a process, and the reason where it cannot be used."""

from __future__ import annotations

from .. import loading

INSTALL = "pip install 'xpnet[fast]'"


def absence() -> str | None:
    """The reason why Numba cannot compile in this process; None if it can. Imports it."""
    reason = loading.obstacle("numba", INSTALL)
    if reason is not None:
        if loading.is_broken("numba"):
            loading.warn_once("numba", f"{reason}; trainings run without it")
        return reason
    import numba

    return "numba is switched off, NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else None


def available() -> bool:
    """True if Numba can compile in this process; imports it."""
    return absence() is None
