"""The thread pool: every task runs once, on any thread, parked or busy, and every error is raised."""

import gc
import os
import threading
import time
import weakref
from collections import deque
from functools import partial
from queue import SimpleQueue

import numpy as np
import pytest

from xpnet.compiler import codegen, loading, task, threadpool
from xpnet.compiler.task import Task, TaskBatch
from xpnet.compiler.threadpool import ThreadPool

needs_numba = pytest.mark.skipif(
    not loading.available(), reason="numba is not installed: pip install 'xpnet[fast]'"
)


def test_four_threads_run_at_once():
    met = threading.Barrier(4)
    threadpool.run_parallel_in_python([partial(met.wait, 20)] * 4, 4)


def test_the_caller_runs_what_busy_workers_do_not():
    freed, begun, done = threading.Event(), SimpleQueue(), []

    def wait():
        begun.put(None)
        freed.wait(20)

    for queue in threadpool._python_workers(3, os.getpid()):
        queue.put((deque([wait]), SimpleQueue()))
        begun.get(timeout=20)
    try:
        threadpool.run_parallel_in_python([partial(done.append, threading.get_ident()) for _ in range(6)], 4)
        assert len(done) == 6
    finally:
        freed.set()


def test_a_thunk_that_another_thread_claimed_is_no_error():
    class Late(deque):
        def __bool__(self):
            return True

    threadpool._claim_and_run(Late(), SimpleQueue())


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
def test_an_error_is_raised_once_all_have_ended(kind):
    ended = []

    def thunk(seconds, error=None):
        time.sleep(seconds)
        ended.append(seconds)
        if error:
            raise error

    calls = [partial(thunk, 0.0), partial(thunk, 0.01, kind("lost")), partial(thunk, 0.1)]
    with pytest.raises(kind, match="lost"):
        threadpool.run_parallel_in_python(calls, 4)
    assert sorted(ended) == [0.0, 0.01, 0.1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_python_workers_of_its_own():
    threadpool.run_parallel_in_python([lambda: None] * 4, 4)
    child = os.fork()
    if child == 0:
        met = threading.Barrier(4)
        try:
            threadpool.run_parallel_in_python([partial(met.wait, 20)] * 4, 4)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Counted:
    """A batch of tasks, each of which adds 1 to a number of its own, `turns` times."""

    def __init__(self, size, turns=1):
        lines = [f"for _ in range({turns}):", "    n[0] += 1"]
        self.loop = codegen.cfunc({"n": (np.dtype("int64"), 1)}, lines)
        self.counts = np.zeros((size, 8), "int64")
        self.batch = TaskBatch([Task.of(self.loop.address, (n[:1],), [1], [8]) for n in self.counts])

    @property
    def completed(self):
        return self.counts[:, 0].tolist()


def word(pool, offset):
    return int(pool.words[(pool.queue + offset - task.address(pool.words)) // 8])


def parked(pool):
    return [word(pool, pool.workqueue.PARKED + i * pool.workqueue.CACHE_LINE_BYTES) for i in range(pool.size)]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@needs_numba
@pytest.mark.parametrize("spin_seconds", [0.0, 3e-4])
@pytest.mark.parametrize("size", [2, 7, 300])
def test_each_task_runs_once(size, spin_seconds, monkeypatch):
    monkeypatch.setattr(threadpool, "SPIN_SECONDS", spin_seconds)
    pool, work = ThreadPool(3), Counted(size, turns=40)
    for turn in range(3000 if size < 100 else 300):
        pool.run(work.batch, threadpool.WAKE_ABOVE_MACS if turn % 3 else 0)
        assert work.completed == [(turn + 1) * 40] * size


@needs_numba
def test_a_parked_worker_is_woken_for_large_batches_only():
    pool, work = ThreadPool(2), Counted(3)
    until(lambda: parked(pool) == [1, 1])
    pool.run(work.batch, threadpool.WAKE_ABOVE_MACS - 1)
    assert parked(pool) == [1, 1]
    assert work.completed == [1] * 3
    pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    until(lambda: parked(pool) == [1, 1])
    assert work.completed == [2] * 3


@needs_numba
def test_a_batch_wakes_fewer_workers_than_it_has_tasks():
    pool, work = ThreadPool(3), Counted(2)
    until(lambda: parked(pool) == [1, 1, 1])
    begun = []
    pool.parking = [type("Parking", (), {"put": lambda _, __, i=i: begun.append(i)})() for i in range(3)]
    pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    assert begun == [0]


@needs_numba
def test_pool_backs_off_after_missed_batches(monkeypatch):
    """The largest batches are still shared; batches too small to wake a worker do not count as missed."""
    pool, work, now = ThreadPool(0), Counted(3), 1000.0
    monkeypatch.setattr(threadpool, "perf_counter", lambda: now)
    spin_limit = word(pool, pool.workqueue.SPIN_LIMIT)
    assert spin_limit > 0

    def shared(size):
        pool.state.batch = None
        pool.run(work.batch, size)
        return pool.state.batch is work.batch

    for size in [threadpool.WAKE_ABOVE_MACS - 1] * 9 + [
        threadpool.WAKE_ABOVE_MACS
    ] * threadpool.MISSES_BEFORE_BACKOFF:
        assert shared(size)
    assert word(pool, pool.workqueue.SPIN_LIMIT) == 1
    now += threadpool.BACKOFF_SECONDS * 0.9
    assert not shared(threadpool.WAKE_ABOVE_MACS)
    assert not shared(threadpool.ALWAYS_SHARED_MACS - 1)
    assert shared(threadpool.ALWAYS_SHARED_MACS)
    now += threadpool.BACKOFF_SECONDS
    assert shared(threadpool.WAKE_ABOVE_MACS)
    assert word(pool, pool.workqueue.SPIN_LIMIT) == spin_limit
    assert len(set(work.completed)) == 1


@needs_numba
def test_a_batch_is_not_missed_if_a_worker_ran_one_task(monkeypatch):
    pool, work = ThreadPool(0), Counted(3)
    claim_and_run = pool.workqueue.claim_and_run
    monkeypatch.setattr(pool.workqueue, "claim_and_run", lambda queue: claim_and_run(queue) - 1)
    for _ in range(9):
        pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    assert not pool.backing_off
    monkeypatch.undo()
    for _ in range(threadpool.MISSES_BEFORE_BACKOFF):
        assert not pool.backing_off
        pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    assert pool.backing_off


@needs_numba
def test_trainings_at_the_same_time_run_their_own_batches():
    pool, works = ThreadPool(3), [Counted(5, turns=1000) for _ in range(4)]

    def train(work):
        for _ in range(2000):
            pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)

    threads = [threading.Thread(target=train, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [work.completed for work in works] == [[2_000_000] * 5] * 4


@needs_numba
@pytest.mark.parametrize("place", ["wait", "submit", "claim_and_run", "lock"])
def test_an_interrupt_is_raised_once_all_have_ended(place, monkeypatch):
    """The next batch gets another pool, and the workers of the dropped one end."""
    pool, work, interrupts = threadpool._pool(3, os.getpid()), Counted(9, turns=10**6), []
    state = weakref.ref(pool.state)  # the workers keep it alive

    def interrupted(*args, **options):
        found = original(*args, **options)
        if not interrupts:
            interrupts.append(found)
            raise KeyboardInterrupt
        return found

    owner, name = (pool, "lock") if place == "lock" else (pool.workqueue, place)
    original = pool.lock.acquire if place == "lock" else getattr(pool.workqueue, place)
    monkeypatch.setattr(
        owner, name, type("Lock", (), {"acquire": interrupted}) if owner is pool else interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    assert work.completed == [10**6 if place != "lock" else 0] * 9
    assert threadpool._pool(3, os.getpid()) is not pool
    monkeypatch.undo()
    del pool, owner
    until(lambda: gc.collect() >= 0 and state() is None)
    before = work.completed[0]
    threadpool.run_parallel(work.batch, threadpool.WAKE_ABOVE_MACS, 4)
    assert work.completed == [before + 10**6] * 9


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_a_pool_of_its_own():
    work = Counted(9)
    threadpool.run_parallel(work.batch, threadpool.WAKE_ABOVE_MACS, 4)
    child = os.fork()
    if child == 0:
        try:
            threadpool.run_parallel(work.batch, threadpool.WAKE_ABOVE_MACS, 4)
            assert work.completed == [2] * 9
            assert len(threadpool._pool(3, os.getpid()).parking) == 3
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert work.completed == [1] * 9
