"""Memory plans: arrays that are live at once do not overlap, others share memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet.compiler.memory_plan import ALIGNMENT_BYTES, LiveRange, aligned, aligned_empty, plan


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 100)), max_size=30))
def test_arrays_that_are_live_together_do_not_overlap(found):
    live_ranges = {name: LiveRange(min(a, b), max(a, b), size) for name, (a, b, size) in enumerate(found)}
    offsets, total = plan(live_ranges)
    needed = max((sum(s for a, b, s in live_ranges.values() if a <= t <= b) for t in range(21)), default=0)
    assert needed <= total <= sum(size for _, _, size in live_ranges.values())
    for a, (first, last, size) in live_ranges.items():
        assert 0 <= offsets[a] <= total - size
        for b, (begin, end, other) in live_ranges.items():
            if a != b and size and other and first <= end and begin <= last:
                assert offsets[a] + size <= offsets[b] or offsets[b] + other <= offsets[a]


def test_an_array_takes_the_first_gap_that_is_wide_enough():
    """300 and 100 bytes are live throughout; 60 fit between them once 80 are dead."""
    live_ranges = {
        0: LiveRange(0, 9, 300),
        1: LiveRange(0, 9, 100),
        2: LiveRange(0, 3, 80),
        3: LiveRange(4, 9, 60),
    }
    assert plan(live_ranges) == ({0: 0, 1: 300, 2: 400, 3: 400}, 480)


def test_a_plan_of_nothing_is_empty():
    assert plan({}) == ({}, 0)


@pytest.mark.parametrize(("size", "wanted"), [(0, 0), (1, 64), (64, 64), (65, 128)])
def test_sizes_are_rounded_up_to_cache_lines(size, wanted):
    assert aligned(size) == wanted


@pytest.mark.parametrize("size", [1, 64, 1000])
def test_memory_begins_with_a_cache_line(size):
    memory = aligned_empty(size)
    assert (memory.size, memory.dtype) == (size, np.uint8)
    assert memory.ctypes.data % ALIGNMENT_BYTES == 0
