"""The thread pool: runs batches of tasks on the calling thread and on workers beside it.

A training step has a few large calls, each partitioned into a batch of tasks that take some 100 microseconds in all.
A pool that wakes its workers for each batch would be slower than one thread. With Numba (`nogil`) the workers look
for tasks in compiled code (`workqueue`), without Python's lock: a worker that is awake begins at once.

A worker that has spun for `SPIN_SECONDS` without finding work parks, and takes no core's time until a batch of at
least `WAKE_ABOVE_MACS` wakes it. A worker that spins without finding work yields its core to other programs. If the
workers miss `MISSES_BEFORE_BACKOFF` such batches in a row, other programs have the cores: the caller runs all but the
largest batches alone for `BACKOFF_SECONDS`, and the workers park as soon as they find nothing.

Where the system starts no more threads, the pool has those that it got, none at the least.

Without Numba, threads take the calls from a queue of Python's. Timing decides only which thread runs a task, never
the result.

An interrupt (Ctrl-C) may come between any two operations of the caller. Hence `_thread` and `SimpleQueue`, whose
operations complete or do not begin, in the place of `threading`.
"""

from __future__ import annotations

import os
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock
from time import perf_counter, sleep
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np

from .kernel import unwrapped
from .task import Invocation, TaskBatch, address, sched_yield_address

WAKE_ABOVE_MACS = 2**24
"""Cost of a batch, in multiply-adds, from which on parked workers are woken for it."""
ALWAYS_SHARED_MACS = 2**27
"""Cost of a batch, in multiply-adds, from which on it is shared even while the pool backs off."""
SPIN_SECONDS = 3e-4
"""Time for which a worker looks for work before it parks."""
BACKOFF_SECONDS = 0.1
"""Time for which the pool backs off."""
SLEEP_SECONDS = 1e-5
"""The caller's poll interval at the end of a batch, once it has spun for a while."""
MISSES_BEFORE_BACKOFF = 4
"""Batches above `WAKE_ABOVE_MACS` in a row of which the workers ran no task, before the pool backs off."""
CALIBRATION_SPINS = 2**10
"""Looks for work in one run of the calibration, which converts `SPIN_SECONDS` into a number of looks."""
CALIBRATION_RUNS = 5
"""Runs of the calibration; the fastest counts, for another program may have had the core in the others."""
SPINS_BEFORE_SLEEP = 2**10
"""The caller's looks for the end of a batch before it sleeps, in multiples of a worker's before it parks."""

Thunk = Callable[[], Any]


class Parallelism(NamedTuple):
    """threads: how many run a batch, the caller among them. nogil: they run compiled tasks, without Python's lock."""

    threads: int = 1
    nogil: bool = False


def bind_parallel(calls: list[Invocation], cost: int, parallelism: Parallelism) -> Thunk:
    """A thunk that runs independent calls on the threads; cost: of all of them, in multiply-adds."""
    batch = TaskBatch.of(calls) if parallelism.nogil else None
    if batch is not None:
        return partial(run_parallel, batch, cost, parallelism.threads)
    thunks: list[Thunk] = [partial(unwrapped(function), *args) for function, args in calls]
    return partial(run_parallel_in_python, thunks, parallelism.threads)


def run_parallel(batch: TaskBatch, cost: int, threads: int) -> None:
    """Runs a batch of tasks on the process's pool."""
    _pool(threads - 1, os.getpid()).run(batch, cost)


@cache
def _pool(size: int, process: int) -> ThreadPool:
    """The process's pool of this size; a forked process has none of its parent's threads, and gets its own."""
    return ThreadPool(size)


class ThreadPool:
    """Workers for one training at a time; another training that calls meanwhile runs its batch alone."""

    def __init__(self, size: int) -> None:
        from . import workqueue

        self.workqueue, self.size = workqueue, size
        line = workqueue.CACHE_LINE_BYTES
        self.words = np.zeros((workqueue.PARKED + (size + 2) * line) // 8, "int64")
        self.queue = address(self.words) + -address(self.words) % line
        self.lock, self.state = Lock(), PoolState(self.words)
        self.misses, self.backing_off, self.retry_at = 0, False, 0.0
        self._store(workqueue.YIELD, sched_yield_address())
        workqueue.worker_loop(self.queue, size)  # compiles
        self._store(workqueue.SPIN_LIMIT, CALIBRATION_SPINS)
        seconds = min(self._calibration_seconds() for _ in range(CALIBRATION_RUNS))
        self.spin_limit = max(1, int(CALIBRATION_SPINS * SPIN_SECONDS / seconds))
        self._store(workqueue.SPIN_LIMIT, self.spin_limit)
        self.parking: list[SimpleQueue[None]] = []  # no interrupt leaves a put half done
        finalize(self, _stop_workers, self.state, self.parking).atexit = False
        for number in range(size):
            loop, parking = partial(workqueue.worker_loop, self.queue, number), SimpleQueue[None]()
            if not _started(_worker, loop, parking, self.state):
                break
            self.parking.append(parking)
        self.size = len(self.parking)

    def _store(self, offset: int, value: int) -> None:
        """Sets a word of the queue."""
        self.words[(self.queue + offset - address(self.words)) // 8] = value

    def _calibration_seconds(self) -> float:
        """The time that `CALIBRATION_SPINS` looks for work take."""
        began = perf_counter()
        self.workqueue.worker_loop(self.queue, self.size)
        return perf_counter() - began

    def run(self, batch: TaskBatch, cost: int) -> None:
        """Runs a batch of this cost, in multiply-adds; all tasks have ended when it returns or raises."""
        try:
            alone = self.backing_off and cost < ALWAYS_SHARED_MACS and perf_counter() < self.retry_at
            if alone or not self.lock.acquire(blocking=False):
                self.workqueue.run_all(batch.address, batch.count)
                return
            self._dispatch(batch, cost)
            self.lock.release()
        except BaseException:
            # a worker may have missed its wake-up, or the lock may stay held: the next batch gets another pool
            _pool.cache_clear()
            while not self.workqueue.wait(self.queue, self.spin_limit):
                sleep(SLEEP_SECONDS)
            raise

    def _dispatch(self, batch: TaskBatch, cost: int) -> None:
        """Shares a batch with the workers, and counts the batches that they missed."""
        if self.backing_off and perf_counter() >= self.retry_at:
            self.backing_off = False
            self._store(self.workqueue.SPIN_LIMIT, self.spin_limit)
        self.state.batch = batch
        wakes = self.size if cost >= WAKE_ABOVE_MACS else 0
        woken = self.workqueue.submit(self.queue, batch.address, batch.count, wakes)
        if woken:
            for number, parking in enumerate(self.parking):
                if woken >> number & 1:
                    parking.put(None)
        helped = self.workqueue.claim_and_run(self.queue) < batch.count
        while not self.workqueue.wait(self.queue, SPINS_BEFORE_SLEEP * self.spin_limit):
            sleep(SLEEP_SECONDS)
        if helped:
            self.misses = 0
        elif cost >= WAKE_ABOVE_MACS:
            self.misses += 1
            if self.misses >= MISSES_BEFORE_BACKOFF:
                self.misses, self.backing_off, self.retry_at = 0, True, perf_counter() + BACKOFF_SECONDS
                self._store(self.workqueue.SPIN_LIMIT, 1)


def _started(function: Callable[..., None], *args: Any) -> bool:
    """Starts a thread; False where the system gives no more, as under a limit of processes."""
    try:
        start_new_thread(function, args)
    except RuntimeError:
        return False
    return True


class PoolState:
    """The memory that workers use; it lives as long as the last of them.

    After an interrupt workers may still run tasks of the batch, while the pool itself is dropped.
    """

    def __init__(self, words: np.ndarray) -> None:
        self.words, self.batch, self.stopped = words, TaskBatch([]), False


def _worker(loop: Thunk, parking: SimpleQueue[None], state: PoolState) -> None:
    """Runs tasks, and parks while there are none, until the pool is gone."""
    while not state.stopped:
        loop()
        parking.get()


def _stop_workers(state: PoolState, parking: list[SimpleQueue[None]]) -> None:
    """Lets the workers end, once the pool has been collected."""
    state.stopped = True
    for queue in parking:
        queue.put(None)


def run_parallel_in_python(thunks: list[Thunk], threads: int) -> None:
    """Runs thunks on threads that hold Python's lock; the first error is raised once all have ended."""
    unclaimed, done = deque(thunks), SimpleQueue[BaseException | None]()
    for queue in _python_workers(threads - 1, os.getpid())[: len(thunks) - 1]:
        queue.put((unclaimed, done))
    _claim_and_run(unclaimed, done)
    for error in [done.get() for _ in thunks]:
        if error is not None:
            raise error


def _claim_and_run(unclaimed: deque[Thunk], done: SimpleQueue[BaseException | None]) -> None:
    """Runs thunks until none is left; puts None into `done` for each, or its error."""
    while unclaimed:
        try:
            thunk = unclaimed.popleft()
        except IndexError:  # another thread was quicker
            return
        try:
            thunk()
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)


@cache
def _python_workers(size: int, process: int) -> list[SimpleQueue[Any]]:
    """Queues from which as many threads take their work; a forked process gets its own.

    Each thread has its own queue: threads that share one are woken one after another, each by the one before.
    """

    def loop(queue: SimpleQueue[Any]) -> None:
        while True:
            _claim_and_run(*queue.get())

    queues: list[SimpleQueue[Any]] = []
    for _ in range(size):
        queue = SimpleQueue[Any]()
        if not _started(loop, queue):
            break
        queues.append(queue)
    return queues
