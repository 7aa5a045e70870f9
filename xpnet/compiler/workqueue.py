"""Where threads find work and say that it is done, compiled by Numba, so that none of them needs Python's lock.

A set of work is a table of loops in C, each of the form that NumPy's ufuncs have: a function, and pointers to its
arguments, dimensions, steps and data (https://numpy.org/doc/stable/reference/c-api/generalized-ufuncs.html). It is
posted on a board: 64-bit words in lines of the cache of their own, read and written by atomic operations. The word
OPEN holds, above 16 bits, the number of the set, and in them how many loops nobody has taken yet. Whoever lowers it
by one from what was read, by compare and exchange, has a loop; since the set's number is part of the word, nobody
can take one of a set that has ended meanwhile. The set has ended when none of its loops is LEFT to make.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .codegen import jit

LINE = 64
"""Bytes: a line of the cache."""
OPEN, LEFT, TABLE, LOOKS, YIELD, ASLEEP = 0, LINE, 2 * LINE, 2 * LINE + 8, 2 * LINE + 16, 3 * LINE
"""Where the words of a board are; from ASLEEP on there is one for each thread, 1 while it sleeps."""
COUNT = 2**16 - 1
"""The part of OPEN that counts, hence the most loops of a set."""
ROW = 5 * 8
"""Bytes of a loop in the table: its function, arguments, dimensions, steps and data."""

_ORDER = "seq_cst"


def _word(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, ir.IntType(64).as_pointer())


@intrinsic
def load(_: Any, address: Any) -> Any:
    """The word at an address."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.load_atomic(_word(builder, args[0]), _ORDER, 8)

    return types.int64(types.int64), generate


@intrinsic
def store(_: Any, address: Any, value: Any) -> Any:
    """The word at an address becomes the value."""

    def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _word(builder, args[0]), _ORDER, 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def lower(_: Any, address: Any) -> Any:
    """The word at an address becomes one less."""

    def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
        builder.atomic_rmw("sub", _word(builder, args[0]), ir.IntType(64)(1), _ORDER)
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def exchanged(_: Any, address: Any, old: Any, new: Any) -> Any:
    """Whether the word at an address was the old one, and is the new one now."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        found = builder.cmpxchg(_word(builder, args[0]), args[1], args[2], _ORDER, _ORDER)
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def call(_: Any, function: Any, args: Any, dims: Any, steps: Any, data: Any) -> Any:
    """Calls the loop at an address."""

    def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        loop = ir.FunctionType(ir.VoidType(), [pointer] * 4).as_pointer()
        builder.call(builder.inttoptr(args[0], loop), [builder.inttoptr(x, pointer) for x in args[1:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@jit
def give_way(board: Any) -> None:
    """Lets another program have the core, if one waits for it; a function of C that takes no arguments ignores them."""
    call(load(board + YIELD), 0, 0, 0, 0)


@jit
def make(table: Any, index: Any) -> None:
    """One loop of a table."""
    row = table + index * ROW
    call(load(row), load(row + 8), load(row + 16), load(row + 24), load(row + 32))


@jit
def make_all(table: Any, count: Any) -> None:
    """All loops of a table, in the thread that calls."""
    for index in range(count):
        make(table, index)


@jit
def take(board: Any) -> int:
    """Makes loops until none is open; how many."""
    made = 0
    while True:
        word = load(board + OPEN)
        if not word & COUNT:
            return made
        if exchanged(board + OPEN, word, word - 1):
            make(load(board + TABLE), (word & COUNT) - 1)
            lower(board + LEFT)
            made += 1


@jit
def post(board: Any, table: Any, count: Any, threads: Any) -> int:
    """Posts a set, the one before having ended; one bit for each thread that is to be woken for it."""
    store(board + TABLE, table)
    store(board + LEFT, count)
    store(board + OPEN, ((load(board + OPEN) | COUNT) + 1) | count)
    woken = 0
    for thread in range(min(threads, count - 1)):
        if exchanged(board + ASLEEP + thread * LINE, 1, 0):
            woken |= 1 << thread
    return woken


@jit
def ended(board: Any, looks: Any) -> bool:
    """Makes loops until none is open, then looks so many times; whether the set has ended."""
    take(board)
    for _ in range(looks):
        if not load(board + LEFT):
            return True
    return load(board + LEFT) == 0


@jit
def serve(board: Any, thread: Any) -> None:
    """Makes loops until LOOKS in a row found none; then the thread is to sleep until it is woken."""
    while True:
        look = 0
        while look < load(board + LOOKS):
            look = 0 if take(board) else look + 1
            give_way(board)
        store(board + ASLEEP + thread * LINE, 1)
        # whoever posted before that has not seen it; whoever posts from here on wakes this thread
        if not load(board + OPEN) & COUNT or not exchanged(board + ASLEEP + thread * LINE, 1, 0):
            return
