"""BLAS's threads: the number for given sizes, set and restored."""

import sys
import threading

import numpy as np
import pytest

from xpnet.backends import cores as machine
from xpnet.backends.numpy import blas


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in blas.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    blas._libraries.cache_clear()
    yield
    blas._libraries.cache_clear()
    assert blas._Held.active == []
    assert blas._Held.before == {}


@pytest.fixture
def real():
    """The loaded BLAS libraries, on 3 threads during the test."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        libraries = blas._libraries()
        if not libraries or numbers(libraries) != [3] * len(libraries):
            pytest.skip("no BLAS here whose threads can be set")
        yield libraries


def numbers(libraries):
    return [library.num_threads for library in libraries]


# How many


def test_one_thread_unless_the_process_is_alone():
    assert blas.threads_for([10**12], 64) == 1
    assert blas.threads_for([], 64, alone=True) == 1


@pytest.mark.parametrize(
    ("products", "cores", "threads"),
    [
        ([32 * 64 * 64, 32 * 64 * 10], 4, 1),
        ([128**3], 4, 1),
        ([64**3] * 100, 4, 1),
        ([192**3], 4, 3),
        ([128 * 784 * 256, 128 * 128 * 10], 4, 4),
        ([128 * 784 * 256], 64, 12),
        ([256 * 1024 * 1024], 4, 4),
        ([256 * 1024 * 1024], 1, 1),
    ],
)
def test_the_largest_product_decides_the_threads(products, cores, threads):
    assert blas.threads_for(products, cores, alone=True) == threads
    assert blas.threads_for(iter(reversed(products)), cores, alone=True) == threads


def test_the_default_number_of_cores_is_the_machines(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 3)
    assert blas.threads_for([10**9], alone=True) == 3


@pytest.mark.parametrize(
    ("openblas", "omp", "bound"),
    [
        (None, None, None),
        ("2", None, 2),
        (None, "4,2", 4),
        ("2", "4", 2),
        ("8", "4", 8),
        ("", "3", 3),
        ("no", "0", None),
    ],
)
def test_the_number_that_the_environment_sets(openblas, omp, bound, monkeypatch):
    for name, value in (("OPENBLAS_NUM_THREADS", openblas), ("OMP_NUM_THREADS", omp)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert blas.given() == bound


# Set for a while


def test_threads_are_set_and_restored(real):
    with blas.limited(1) as limit:
        assert limit == (1, "")
        assert bool(limit)
        assert numbers(real) == [1] * len(real)
        np.ones((300, 300)) @ np.ones((300, 300))
    assert numbers(real) == [3] * len(real)


def test_threads_are_restored_after_an_error(real):
    with pytest.raises(KeyboardInterrupt), blas.limited(1):
        raise KeyboardInterrupt
    assert numbers(real) == [3] * len(real)


def test_nested_limits_only_lower(real):
    with blas.limited(2):
        with blas.limited(1) as limit:
            assert limit.threads == 1
            assert numbers(real) == [1] * len(real)
        assert numbers(real) == [2] * len(real)
        with blas.limited(3) as limit:
            assert limit.threads == 2
            assert numbers(real) == [2] * len(real)
    assert numbers(real) == [3] * len(real)


def test_a_limit_in_force_is_a_bound(real):
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        with blas.limited(4) as limit:
            assert limit.threads == 2
        assert numbers(real) == [2] * len(real)
    assert numbers(real) == [3] * len(real)


def test_the_environment_is_a_bound(real, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with blas.limited(3) as limit:
        assert limit.threads == 2
    with blas.limited(1) as limit:
        assert limit.threads == 1


def test_concurrent_limits_have_the_least_and_the_last_restores(real):
    started, end = threading.Event(), threading.Event()

    def other():
        with blas.limited(1):
            started.set()
            end.wait(10)

    with blas.limited(2):
        assert numbers(real) == [2] * len(real)
        thread = threading.Thread(target=other)
        thread.start()
        started.wait(10)
        assert numbers(real) == [1] * len(real)
    assert numbers(real) == [1] * len(real)  # the other still runs
    end.set()
    thread.join()
    assert numbers(real) == [3] * len(real)


def test_a_limit_set_by_another_thread_does_not_block(real):
    """threadpoolctl reserves setting the threads for the first thread that did."""
    from threadpoolctl import threadpool_limits

    started, end = threading.Event(), threading.Event()

    def other():
        with threadpool_limits(3, user_api="blas"):
            started.set()
            end.wait(10)

    clear = getattr(real[0], "clear_controlling_thread", lambda force: None)
    clear(force=True)  # the fixture's own
    thread = threading.Thread(target=other)
    thread.start()
    started.wait(10)
    with blas.limited(1):
        assert numbers(real) == [1] * len(real)
    assert numbers(real) == [3] * len(real)
    end.set()
    thread.join()
    assert numbers(real) == [3] * len(real)


def test_many_threads_at_once(real):
    wrong = []

    def some(index):
        for turn in range(50):
            with blas.limited(1 + (index + turn) % 3) as limit:
                if not 1 <= limit.threads <= 3:
                    wrong.append(limit)

    threads = [threading.Thread(target=some, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert numbers(real) == [3] * len(real)


class Library:
    """A BLAS with OpenMP: each thread of the program has its own number of threads."""

    internal_api, threading_layer = "openblas", "openmp"

    def __init__(self):
        self.mine = threading.local()

    @property
    def num_threads(self):
        return getattr(self.mine, "number", 4)

    def set_num_threads(self, number):
        self.mine.number = number


def test_openmp_keeps_a_number_for_each_thread(monkeypatch):
    library, seen = Library(), []
    monkeypatch.setattr(blas, "_libraries", Cached((library,)))

    def other():
        with blas.limited(1):
            seen.append(library.num_threads)
        seen.append(library.num_threads)

    with blas.limited(2):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with blas.limited(1):
            assert library.num_threads == 1
        assert library.num_threads == 2
    assert library.num_threads == 4
    assert seen == [1, 4]


class Cached:
    """A stand-in for a cached function."""

    def __init__(self, value):
        self.value = value

    def __call__(self):
        return self.value

    def cache_clear(self):
        pass


def test_a_limit_that_cannot_be_set_has_a_reason(monkeypatch):
    monkeypatch.setattr(blas, "_libraries", Cached(()))
    with blas.limited(1) as limit:
        assert limit.why == "no BLAS is loaded whose threads can be set"
        assert not limit


def test_without_threadpoolctl_the_limit_has_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with blas.limited(1) as limit:
        assert not limit
        assert limit == (None, "threadpoolctl is not installed: pip install 'xpnet[fast]'")
