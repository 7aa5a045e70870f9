"""Offsets in one buffer for arrays whose lifetimes are known, so that arrays share memory where they do not overlap."""

from __future__ import annotations

import numpy as np

ALIGNED = 64
"""Bytes: a line of the cache, and the widest vector."""


def plan(spans: dict[int, tuple[int, int, int]]) -> tuple[dict[int, int], int]:
    """({name: offset}, size in all) for arrays of (first use, last use, bytes), none over another that is in use.

    The largest first, each in the first gap that is wide enough. Source: Pisarchyk, Lee, 2020, arXiv:2001.03288.
    """
    offsets: dict[int, int] = {}
    placed = np.zeros((4, len(spans)), "int64")  # begin and end of use, start and stop in memory, by start
    for count, (name, (first, last, size)) in enumerate(sorted(spans.items(), key=lambda item: -item[1][2])):
        begin, end, start, stop = placed[:, :count]
        met = (begin <= last) & (end >= first)
        free = np.maximum.accumulate(
            np.concatenate([[0], stop[met]])
        )  # from where on nothing before is in use
        gaps = free[:-1] + size <= start[met]
        offset = int(free[gaps.argmax()] if gaps.any() else free[-1])
        place = int(np.searchsorted(start, offset))
        placed[:, place + 1 : count + 1] = placed[:, place:count].copy()
        placed[:, place] = first, last, offset, offset + size
        offsets[name] = offset
    return offsets, int(placed[3].max(initial=0))


def aligned(size: int) -> np.ndarray:
    """So many bytes that begin with a line of the cache."""
    memory = np.empty(size + ALIGNED, "uint8")
    start = -memory.__array_interface__["data"][0] % ALIGNED
    return memory[start : start + size]
