"""The memory plan: offsets in one block of memory for arrays whose live ranges are known.

A step allocates an array for each intermediate result, and most of them are dead a few calls later. Arrays whose live
ranges do not overlap can share memory, so that a replayed step needs only as much as is live at its fullest, and
allocates nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ALIGNMENT_BYTES = 64
"""A cache line, and the widest vector register."""


class LiveRange(NamedTuple):
    """The first and the last call that use an array, and its size in bytes."""

    first: int
    last: int
    size: int


def plan(live_ranges: dict[int, LiveRange]) -> tuple[dict[int, int], int]:
    """({buffer: offset}, total size), in bytes: no two arrays that are live at once overlap.

    The largest array first, each in the first gap that is wide enough. Source: Pisarchyk, Lee, 2020, arXiv:2001.03288.
    """
    offsets: dict[int, int] = {}
    # the arrays that have a place, in the order of their offsets: first and last use, start and stop in memory
    placed = np.zeros((4, len(live_ranges)), "int64")
    largest_first = sorted(live_ranges.items(), key=lambda item: -item[1].size)
    for count, (buffer, (first, last, size)) in enumerate(largest_first):
        begin, end, start, stop = placed[:, :count]
        live = (begin <= last) & (end >= first)
        free_from = np.maximum.accumulate(np.concatenate([[0], stop[live]]))
        wide_enough = free_from[:-1] + size <= start[live]
        offset = int(free_from[wide_enough.argmax()] if wide_enough.any() else free_from[-1])
        rank = int(np.searchsorted(start, offset))
        placed[:, rank + 1 : count + 1] = placed[:, rank:count].copy()
        placed[:, rank] = first, last, offset, offset + size
        offsets[buffer] = offset
    return offsets, int(placed[3].max(initial=0))


def aligned(size: int) -> int:
    """The size in bytes, rounded up to whole cache lines."""
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def aligned_empty(size: int) -> np.ndarray:
    """Uninitialised memory of this size in bytes that begins with a cache line."""
    memory = np.empty(size + ALIGNMENT_BYTES, "uint8")
    start = -memory.__array_interface__["data"][0] % ALIGNMENT_BYTES
    return memory[start : start + size]
