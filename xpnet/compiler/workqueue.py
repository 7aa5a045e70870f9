"""The work queue: threads claim tasks and report them done in compiled code, without Python's lock.

A step's batches of tasks take some 100 microseconds each. Waking a thread through Python takes as long, and threads
that run Python wait for each other. Here the queue is a few 64-bit words, each in a cache line of its own, that
threads read and write by atomic operations, all compiled by Numba.

The queue holds one batch at a time, a table of `task.Task`s. The word UNCLAIMED holds the number of the batch above
16 bits, and in these 16 bits the count of tasks that no thread has claimed. A thread that lowers it by one from the
value that it read, by compare and swap, owns a task. Since the number of the batch is part of the word, no thread can
claim a task of a batch that has ended in the meantime. A batch has ended once PENDING, the count of tasks that have
not been completed, is 0.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .codegen import jit

CACHE_LINE_BYTES = 64

# Offsets of the queue's words, in bytes.
UNCLAIMED = 0
"""The batch's number times 2**16, plus the tasks of it that no thread has claimed."""
PENDING = CACHE_LINE_BYTES
"""Tasks of the batch that have not been completed."""
TABLE = 2 * CACHE_LINE_BYTES
"""The address of the batch's table."""
SPIN_LIMIT = TABLE + 8
"""Looks for work in a row that find none, after which a worker parks."""
YIELD = TABLE + 16
"""The address of the system's function that yields a core."""
PARKED = 3 * CACHE_LINE_BYTES
"""From here on one word a worker, each in its own cache line: 1 while the worker is parked."""

COUNT_MASK = 2**16 - 1
"""The bits of UNCLAIMED that count tasks, hence also the most tasks of a batch."""
TASK_BYTES = 5 * 8
"""A row of the table: the addresses of a task's function, arguments, dimensions, steps and data."""

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
    """Sets the word at an address."""

    def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _word(builder, args[0]), _ORDER, 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def decrement(_: Any, address: Any) -> Any:
    """Lowers the word at an address by one."""

    def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
        builder.atomic_rmw("sub", _word(builder, args[0]), ir.IntType(64)(1), _ORDER)
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def compare_and_swap(_: Any, address: Any, old: Any, new: Any) -> Any:
    """Sets the word at an address to the new value if it has the old one; True if it did."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        found = builder.cmpxchg(_word(builder, args[0]), args[1], args[2], _ORDER, _ORDER)
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def call(_: Any, function: Any, args: Any, dims: Any, steps: Any, data: Any) -> Any:
    """Calls the C function at an address, which has the form of NumPy's inner loops."""

    def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        loop = ir.FunctionType(ir.VoidType(), [pointer] * 4).as_pointer()
        builder.call(builder.inttoptr(args[0], loop), [builder.inttoptr(x, pointer) for x in args[1:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@jit
def yield_core(queue: Any) -> None:
    """Lets another thread have the core, if one is waiting; the C function ignores the arguments."""
    call(load(queue + YIELD), 0, 0, 0, 0)


@jit
def run(table: Any, index: Any) -> None:
    """Runs one task of a table."""
    task = table + index * TASK_BYTES
    call(load(task), load(task + 8), load(task + 16), load(task + 24), load(task + 32))


@jit
def run_all(table: Any, count: Any) -> None:
    """Runs all tasks of a table in the calling thread."""
    for index in range(count):
        run(table, index)


@jit
def claim_and_run(queue: Any) -> int:
    """Claims and runs tasks until none is unclaimed; returns their number."""
    completed = 0
    while True:
        word = load(queue + UNCLAIMED)
        if not word & COUNT_MASK:
            return completed
        if compare_and_swap(queue + UNCLAIMED, word, word - 1):
            run(load(queue + TABLE), (word & COUNT_MASK) - 1)
            decrement(queue + PENDING)
            completed += 1


@jit
def submit(queue: Any, table: Any, count: Any, workers: Any) -> int:
    """Puts a batch into the queue, once the batch before has ended; up to `workers` workers are to be woken.

    Returns one bit for each parked worker that the caller must wake.
    """
    store(queue + TABLE, table)
    store(queue + PENDING, count)
    store(queue + UNCLAIMED, ((load(queue + UNCLAIMED) | COUNT_MASK) + 1) | count)
    woken = 0
    for worker in range(min(workers, count - 1)):
        if compare_and_swap(queue + PARKED + worker * CACHE_LINE_BYTES, 1, 0):
            woken |= 1 << worker
    return woken


@jit
def wait(queue: Any, spins: Any) -> bool:
    """Runs what is unclaimed, then spins until the batch has ended, at most `spins` times; True if it has ended."""
    claim_and_run(queue)
    for _ in range(spins):
        if not load(queue + PENDING):
            return True
    return load(queue + PENDING) == 0


@jit
def worker_loop(queue: Any, worker: Any) -> None:
    """Runs tasks until SPIN_LIMIT looks in a row found none; then the worker is parked and must wait to be woken."""
    while True:
        spin = 0
        while spin < load(queue + SPIN_LIMIT):
            spin = 0 if claim_and_run(queue) else spin + 1
            yield_core(queue)
        store(queue + PARKED + worker * CACHE_LINE_BYTES, 1)
        # a batch submitted before this store has not woken this worker; one submitted after it does
        if not load(queue + UNCLAIMED) & COUNT_MASK or not compare_and_swap(
            queue + PARKED + worker * CACHE_LINE_BYTES, 1, 0
        ):
            return
