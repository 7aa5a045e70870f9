"""Memory that the C library keeps, so that a step does not ask the system for the same pages again."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As malloc.h of glibc numbers them."""
KEPT, LARGEST = 2**31 - 1, 32 * 2**20
"""Bytes that may lie unused before any goes back to the system; bytes from which each array is mapped anew."""


def keep_pages() -> bool:
    """Lets glibc keep the memory of freed arrays of up to 32 MiB for the next ones, up to 2 GiB in all.

    Without it a program that frees tens of MiB at once and asks for them again may fault every page in anew. xpnet's
    own steps rarely do: 784-1024-1024-10 without natives gained nothing at batch 256, and 3 % at 2048.
    It holds for the whole process and cannot wholly be undone: the first call ends glibc's own adapting of these
    thresholds. So it is for programs that ask for it, `xn.backends.keep_pages()`, and no model calls it.
    Gives whether it was set; False where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - musl and others have no such function: AttributeError
        return bool(libc.mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(libc.mallopt(M_TRIM_THRESHOLD, KEPT))
    except (AttributeError, OSError):
        return False
