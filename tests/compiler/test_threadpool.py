"""Those who make the pieces: each piece once, whoever is free, asleep or in the way, and every error said."""

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

from xpnet.compiler import codegen, task, threadpool
from xpnet.compiler.task import Task, TaskBatch
from xpnet.compiler.threadpool import ThreadPool

RNG = np.random.default_rng(0)
needs_numba = pytest.mark.skipif(
    not codegen.available(), reason="numba is not installed: pip install 'xpnet[fast]'"
)


def test_four_cores_work_at_once():
    met = threading.Barrier(4)
    threadpool.run_parallel_in_python([partial(met.wait, 20)] * 4, 4)


def test_busy_threads_hold_nothing_up():
    """Whoever asked makes the pieces that nobody takes."""
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


def test_a_piece_that_another_has_taken_is_no_error():
    class Late(deque):
        def __bool__(self):
            return True

    threadpool._claim_and_run(Late(), SimpleQueue())


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
def test_an_error_is_raised_once_all_have_ended(kind):
    ended = []

    def piece(seconds, error=None):
        time.sleep(seconds)
        ended.append(seconds)
        if error:
            raise error

    calls = [partial(piece, 0.0), partial(piece, 0.01, kind("lost")), partial(piece, 0.1)]
    with pytest.raises(kind, match="lost"):
        threadpool.run_parallel_in_python(calls, 4)
    assert sorted(ended) == [0.0, 0.01, 0.1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_a_crew_of_its_own():
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
    """A set of loops, each of which adds 1 to a number of its own."""

    def __init__(self, size, turns=1):
        lines = [f"for _ in range({turns}):", "    n[0] += 1"]
        self.loop = codegen.cfunc({"n": (np.dtype("int64"), 1)}, lines)
        self.counts = np.zeros((size, 8), "int64")
        self.batch = TaskBatch([Task.of(self.loop.address, (n[:1],), [1], [8]) for n in self.counts])

    @property
    def made(self):
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
@pytest.mark.parametrize("awake", [0.0, 3e-4])
@pytest.mark.parametrize("size", [2, 7, 300])
def test_each_loop_is_made_once(size, awake, monkeypatch):
    monkeypatch.setattr(threadpool, "SPIN_SECONDS", awake)
    pool, work = ThreadPool(3), Counted(size, turns=40)
    for turn in range(3000 if size < 100 else 300):
        pool.run(work.batch, threadpool.WAKE_ABOVE_MACS if turn % 3 else 0)
        assert work.made == [(turn + 1) * 40] * size


@needs_numba
def test_a_thread_sleeps_until_there_is_much_to_do():
    pool, work = ThreadPool(2), Counted(3)
    until(lambda: parked(pool) == [1, 1])
    pool.run(work.batch, threadpool.WAKE_ABOVE_MACS - 1)
    assert parked(pool) == [1, 1]
    assert work.made == [1] * 3
    pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    until(lambda: parked(pool) == [1, 1])
    assert work.made == [2] * 3


@needs_numba
def test_a_set_has_as_many_threads_as_it_has_loops_at_most():
    pool, work = ThreadPool(3), Counted(2)
    until(lambda: parked(pool) == [1, 1, 1])
    begun = []
    pool.parking = [type("Parking", (), {"put": lambda _, __, i=i: begun.append(i)})() for i in range(3)]
    pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)
    assert begun == [0]


@needs_numba
def test_where_nobody_helps_nobody_is_asked_for_a_while(monkeypatch):
    """But for the largest sets, and none that is so small that nobody is woken for it says anything."""
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
    assert len(set(work.made)) == 1


@needs_numba
def test_who_has_made_a_loop_has_helped_even_if_all_end_at_once(monkeypatch):
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
def test_two_at_once_each_make_their_own():
    pool, works = ThreadPool(3), [Counted(5, turns=1000) for _ in range(4)]

    def train(work):
        for _ in range(2000):
            pool.run(work.batch, threadpool.WAKE_ABOVE_MACS)

    threads = [threading.Thread(target=train, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [work.made for work in works] == [[2_000_000] * 5] * 4


@needs_numba
@pytest.mark.parametrize("place", ["wait", "submit", "claim_and_run", "lock"])
def test_an_interrupt_is_raised_once_all_have_ended(place, monkeypatch):
    """Whoever dropped the crew gets another, and its threads end."""
    pool, work, interrupts = threadpool._pool(3, os.getpid()), Counted(9, turns=10**6), []
    kept = weakref.ref(pool.state)  # by its threads

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
    assert work.made == [10**6 if place != "lock" else 0] * 9
    assert threadpool._pool(3, os.getpid()) is not pool
    monkeypatch.undo()
    del pool, owner
    until(lambda: gc.collect() >= 0 and kept() is None)
    before = work.made[0]
    threadpool.run_parallel(work.batch, threadpool.WAKE_ABOVE_MACS, 4)
    assert work.made == [before + 10**6] * 9


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_a_board_of_its_own():
    work = Counted(9)
    threadpool.run_parallel(work.batch, threadpool.WAKE_ABOVE_MACS, 4)
    child = os.fork()
    if child == 0:
        try:
            threadpool.run_parallel(work.batch, threadpool.WAKE_ABOVE_MACS, 4)
            assert work.made == [2] * 9
            assert len(threadpool._pool(3, os.getpid()).parking) == 3
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert work.made == [1] * 9


def test_a_piece_that_is_no_loop_in_c_leaves_all_to_python():
    a, b, out = (RNG.standard_normal((64, 64)) for _ in range(3))
    product = np.matmul, (a, b, out)
    assert TaskBatch.of([product]).count == 1
    for other in (np.negative, (a, out)), (np.matmul, (a.astype("int64"), b.astype("int64"), out)):
        assert TaskBatch.of([product, other]) is None
    whole = np.matmul, (a.astype("int64"), b.astype("int64"), np.zeros((64, 64), "int64"))
    assert TaskBatch.of([whole]) is not None  # NumPy has loops for every dtype


@pytest.mark.parametrize("change", [{"nin": 3}, {"ntypes": 1}])
def test_a_ufunc_of_another_build_has_no_loop_that_is_known(change, monkeypatch):
    """Where what is read beside the address is not what Python says of the ufunc, the address is not taken."""

    class Other(task._Ufunc):
        @classmethod
        def from_address(cls, address):
            found = task.ctypes.Structure.__class__.from_address(task._Ufunc, address)
            return type("Read", (), {"nin": 2, "nout": 1, "nargs": 3, "ntypes": found.ntypes, **change})

    assert task.ufunc_loop.__wrapped__(np.matmul, np.dtype("f")) is not None
    monkeypatch.setattr(task, "_Ufunc", Other)
    assert task.ufunc_loop.__wrapped__(np.matmul, np.dtype("f")) is None
