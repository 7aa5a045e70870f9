"""glibc's malloc thresholds: freed memory stays in the process, so that the next step does not fault it in again."""

from __future__ import annotations

import ctypes
import sys

from ..calls import checked

M_TRIM_THRESHOLD = -1
"""The number of this parameter of `mallopt` in glibc's malloc.h."""
M_MMAP_THRESHOLD = -3
"""The number of this parameter of `mallopt` in glibc's malloc.h."""
TRIM_BYTES = 2**31 - 1
"""The unused bytes at the top of the heap above which glibc returns them to the system."""
MMAP_BYTES = 32 * 2**20
"""The size of an array from which glibc maps each anew."""


@checked
def keep_pages() -> bool:
    """Lets glibc keep the memory of freed arrays of up to 32 MiB for later ones, up to 2 GiB in all.

    Without it, a program that frees tens of MiB at once and allocates them again may fault in every page again.
    xpnet's own steps rarely do: 784-1024-1024-10 without natives gained nothing at batch 256, and 3 % at 2048.
    The setting holds for the whole process. It cannot be undone completely: the first call ends glibc's own
    adaptation of these thresholds. No model calls it; a program may, by `xn.backends.keep_pages()`.
    Returns True if it was set, and False if the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - musl and others have no such function: AttributeError
        return bool(libc.mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)) and bool(
            libc.mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
        )
    except (AttributeError, OSError):
        return False
