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

from xpnet.compiler import codegen
from xpnet.compiler import task as loops
from xpnet.compiler import threadpool as crew
from xpnet.compiler.task import Task, TaskBatch
from xpnet.compiler.threadpool import Crew

RNG = np.random.default_rng(0)
needs_numba = pytest.mark.skipif(
    not codegen.available(), reason="numba is not installed: pip install 'xpnet[fast]'"
)


def test_four_cores_work_at_once():
    met = threading.Barrier(4)
    crew._by_python([partial(met.wait, 20)] * 4, 4)


def test_busy_threads_hold_nothing_up():
    """Whoever asked makes the pieces that nobody takes."""
    freed, begun, done = threading.Event(), SimpleQueue(), []

    def wait():
        begun.put(None)
        freed.wait(20)

    for queue in crew._queues(3, os.getpid()):
        queue.put((deque([wait]), SimpleQueue()))
        begun.get(timeout=20)
    try:
        crew._by_python([partial(done.append, threading.get_ident()) for _ in range(6)], 4)
        assert len(done) == 6
    finally:
        freed.set()


def test_a_piece_that_another_has_taken_is_no_error():
    class Late(deque):
        def __bool__(self):
            return True

    crew._work(Late(), SimpleQueue())


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
        crew._by_python(calls, 4)
    assert sorted(ended) == [0.0, 0.01, 0.1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_a_crew_of_its_own():
    crew._by_python([lambda: None] * 4, 4)
    child = os.fork()
    if child == 0:
        met = threading.Barrier(4)
        try:
            crew._by_python([partial(met.wait, 20)] * 4, 4)
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
        self.table = TaskBatch([Task.of(self.loop.address, (n[:1],), [1], [8]) for n in self.counts])

    @property
    def made(self):
        return self.counts[:, 0].tolist()


def word(crew, place):
    return int(crew.words[(crew.board + place - loops.address(crew.words)) // 8])


def asleep(crew):
    return [word(crew, crew.code.ASLEEP + thread * crew.code.LINE) for thread in range(crew.size)]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@needs_numba
@pytest.mark.parametrize("awake", [0.0, 3e-4])
@pytest.mark.parametrize("size", [2, 7, 300])
def test_each_loop_is_made_once(size, awake, monkeypatch):
    monkeypatch.setattr(crew, "AWAKE", awake)
    some, work = Crew(3), Counted(size, turns=40)
    for turn in range(3000 if size < 100 else 300):
        some.make(work.table, crew.WAKES if turn % 3 else 0)
        assert work.made == [(turn + 1) * 40] * size


@needs_numba
def test_a_thread_sleeps_until_there_is_much_to_do():
    some, work = Crew(2), Counted(3)
    until(lambda: asleep(some) == [1, 1])
    some.make(work.table, crew.WAKES - 1)
    assert asleep(some) == [1, 1]
    assert work.made == [1] * 3
    some.make(work.table, crew.WAKES)
    until(lambda: asleep(some) == [1, 1])
    assert work.made == [2] * 3


@needs_numba
def test_a_set_has_as_many_threads_as_it_has_loops_at_most():
    some, work = Crew(3), Counted(2)
    until(lambda: asleep(some) == [1, 1, 1])
    begun = []
    some.beds = [type("Bed", (), {"put": lambda _, __, i=i: begun.append(i)})() for i in range(3)]
    some.make(work.table, crew.WAKES)
    assert begun == [0]


@needs_numba
def test_where_nobody_helps_nobody_is_asked_for_a_while(monkeypatch):
    """But for the largest sets, and none that is so small that nobody is woken for it says anything."""
    some, work, now = Crew(0), Counted(3), 1000.0
    monkeypatch.setattr(crew, "perf_counter", lambda: now)
    looks = word(some, some.code.LOOKS)
    assert looks > 0

    def shared(size):
        some.kept.loops = None
        some.make(work.table, size)
        return some.kept.loops is work.table

    for size in [crew.WAKES - 1] * 9 + [crew.WAKES] * crew.UNHELPED:
        assert shared(size)
    assert word(some, some.code.LOOKS) == 1
    now += crew.APART * 0.9
    assert not shared(crew.WAKES)
    assert not shared(crew.LARGEST - 1)
    assert shared(crew.LARGEST)
    now += crew.APART
    assert shared(crew.WAKES)
    assert word(some, some.code.LOOKS) == looks
    assert len(set(work.made)) == 1


@needs_numba
def test_who_has_made_a_loop_has_helped_even_if_all_end_at_once(monkeypatch):
    some, work = Crew(0), Counted(3)
    take = some.code.take
    monkeypatch.setattr(some.code, "take", lambda board: take(board) - 1)
    for _ in range(9):
        some.make(work.table, crew.WAKES)
    assert not some.apart
    monkeypatch.undo()
    for _ in range(crew.UNHELPED):
        assert not some.apart
        some.make(work.table, crew.WAKES)
    assert some.apart


@needs_numba
def test_two_at_once_each_make_their_own():
    some, works = Crew(3), [Counted(5, turns=1000) for _ in range(4)]

    def train(work):
        for _ in range(2000):
            some.make(work.table, crew.WAKES)

    threads = [threading.Thread(target=train, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [work.made for work in works] == [[2_000_000] * 5] * 4


@needs_numba
@pytest.mark.parametrize("place", ["ended", "post", "take", "free"])
def test_an_interrupt_is_raised_once_all_have_ended(place, monkeypatch):
    """Whoever dropped the crew gets another, and its threads end."""
    some, work, interrupts = crew._crew(3, os.getpid()), Counted(9, turns=10**6), []
    kept = weakref.ref(some.kept)  # by its threads

    def interrupted(*args, **options):
        found = original(*args, **options)
        if not interrupts:
            interrupts.append(found)
            raise KeyboardInterrupt
        return found

    owner, name = (some, "free") if place == "free" else (some.code, place)
    original = some.free.acquire if place == "free" else getattr(some.code, place)
    monkeypatch.setattr(
        owner, name, type("Free", (), {"acquire": interrupted}) if owner is some else interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        some.make(work.table, crew.WAKES)
    assert work.made == [10**6 if place != "free" else 0] * 9
    assert crew._crew(3, os.getpid()) is not some
    monkeypatch.undo()
    del some, owner
    until(lambda: gc.collect() >= 0 and kept() is None)
    before = work.made[0]
    crew._by_board(work.table, crew.WAKES, 4)
    assert work.made == [before + 10**6] * 9


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_a_board_of_its_own():
    work = Counted(9)
    crew._by_board(work.table, crew.WAKES, 4)
    child = os.fork()
    if child == 0:
        try:
            crew._by_board(work.table, crew.WAKES, 4)
            assert work.made == [2] * 9
            assert len(crew._crew(3, os.getpid()).beds) == 3
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

    class Other(loops._Ufunc):
        @classmethod
        def from_address(cls, address):
            found = loops.ctypes.Structure.__class__.from_address(loops._Ufunc, address)
            return type("Read", (), {"nin": 2, "nout": 1, "nargs": 3, "ntypes": found.ntypes, **change})

    assert loops.ufunc_loop.__wrapped__(np.matmul, np.dtype("f")) is not None
    monkeypatch.setattr(loops, "_Ufunc", Other)
    assert loops.ufunc_loop.__wrapped__(np.matmul, np.dtype("f")) is None
