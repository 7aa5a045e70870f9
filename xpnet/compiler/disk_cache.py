"""Numba's cache on disk, such that neither a damaged cache nor a full disk stops a training.

Numba reads a function's files at its first call and writes them after compilation. A power cut leaves files that are
empty or cut short, a quota refuses new ones, another user's files cannot be read: Numba raises whatever the files or
the system said. Here the function is compiled, as without a cache, and a warning names the folder once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import loading


def with_disk_cache(compiler: Callable[..., Any], plain: Any) -> Any:
    """`compiler(cache=True)(plain)`; without the cache if no folder can be written to.

    Numba's state is global, and an interrupt within a compilation may leave it half made: signals wait until the end.
    """
    with loading.undisturbed():
        try:
            compiled = compiler(cache=True)(plain)
        except Exception as error:  # of the cache, or of the compilation, which then raises it again
            compiled = compiler()(plain)
            _mend(plain, error)
            return compiled
    if hasattr(compiled, "compile") and hasattr(compiled, "_cache"):
        compiled._cache = ForgivingCache(compiled._cache)
        compiled.compile = _Undisturbed(compiled.compile)
    return compiled


class _Undisturbed:
    """A compilation at a function's first call, during which signals wait."""

    def __init__(self, compile: Callable[..., Any]) -> None:
        self.compile = compile

    def __call__(self, *args: Any) -> Any:
        with loading.undisturbed():
            return self.compile(*args)


class ForgivingCache:
    """A function's cache, of Numba's class, whose files may be damaged or refused."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cache, name)

    def load_overload(self, *args: Any) -> Any:
        """The compiled function; None, so that it is compiled anew, if the files cannot be read."""
        try:
            return self.cache.load_overload(*args)
        except Exception as error:
            _tell(self.cache, error)
            return None

    def save_overload(self, *args: Any) -> None:
        """Writes the compiled function, if the disk takes it."""
        try:
            self.cache.save_overload(*args)
        except Exception as error:
            _tell(self.cache, error)


def _mend(plain: Any, error: Exception) -> None:
    """Empties a function's index on disk after an error of the cache."""
    from numba.core.caching import FunctionCache

    try:
        cache = FunctionCache(plain)
    except RuntimeError:  # no folder can be written to
        return
    _tell(cache, error)


def _tell(cache: Any, error: Exception) -> None:
    """Empties the index, which a next process then fills, and warns of the folder."""
    try:
        cache.flush()
    except Exception:  # an index that can be neither read nor written
        cache.disable()
    loading.warn_once(
        cache.cache_path,
        f"Numba's cache in {cache.cache_path} is damaged or cannot be written to: its functions are compiled without "
        f"it ({type(error).__name__})",
    )
