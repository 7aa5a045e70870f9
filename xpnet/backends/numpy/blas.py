"""How many threads BLAS uses during a training: by rule one, and never chosen by a clock.

OpenBLAS's threads wait for each other by spinning. Where another program has a core, all of them wait for the one
that lost it, until the system gives it back. Microseconds of the matrix products of one training step, float32, on
4 cores (AMD EPYC, family 26; OpenBLAS 0.3.31, pthreads, kernel SkylakeX), beside so many other programs that keep
a core busy each: median of the means of 3 to 6 runs of half a second, and the worst, by BLAS threads:

    network, batch          others                1                2                 3                  4
    784-256-128-10, 128          0      723    (757)     426   (552)     410     (489)      330     (453)
                                 1      768    (821)     426   (521)     414     (420)    1,939   (1,947)
                                 2      945  (1,404)     476   (718)     730     (755)    9,098  (63,983)
                                 4    1,031  (1,239)   1,793 (3,383)   1,269  (71,995)    5,653  (79,999)
    784-1024-1024-10, 256        0   13,847 (14,585)   7,112 (8,284)   5,295   (6,828)    4,812   (7,853)
                                 1   14,607 (19,117)   7,257 (9,973)   8,721   (9,546)   21,531  (63,994)
                                 2   14,835 (18,746)  9,446 (11,419)  14,298  (30,221)  123,303 (142,483)
                                 4   16,271 (23,234) 19,978 (22,099)  83,654 (124,483)   80,548 (156,103)

So only one thread keeps within three times its quiet time whatever else runs, and it gives the same bits on any
number of cores; other numbers of threads repeat themselves, and differ from each other in last bits. A caller who
has the machine alone may say so. `ci/benchmarks/threads.py` measures it anew; ci/benchmarks/README.md has more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, ClassVar, NamedTuple

from .. import cores as machine

PER_THREAD = 2**21
"""Multiply-adds of the largest product that are worth one thread more, where nobody else computes."""
GIVEN = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""What a user sets for BLAS; OpenBLAS takes the first that is there."""
ABSENT = "threadpoolctl is not installed: pip install 'xpnet[fast]'"


class Limit(NamedTuple):
    """How many threads BLAS uses at most; None where that could not be set, and then why. True if it was set."""

    threads: int | None
    why: str = ""

    def __bool__(self) -> bool:
        return self.threads is not None


def threads_for(products: Iterable[int], cores: int | None = None, *, alone: bool = False) -> int:
    """How many BLAS threads a step should use, from its sizes and the machine alone.

    products: the multiply-adds m k n of its matrix products. cores: how many the process may use; None looks.
    alone: whether no other program will compute meanwhile. If not so, or not known, one thread: see above.
    """
    if not alone:
        return 1
    cores = machine.cores() if cores is None else cores
    return max(1, min(cores, max(products, default=0) // PER_THREAD))


def choose_threads(products: Iterable[int], *, deterministic: bool) -> tuple[int | None, str]:
    """(BLAS threads for a step's products, why); None where their number cannot be set."""
    if (libraries := _libraries()) is None:
        return None, f"BLAS keeps its own setting: {ABSENT}"
    if not libraries:
        return None, "no BLAS is loaded whose threads can be set"
    if deterministic:
        return 1, "deterministic=True: BLAS on one thread has the same bits on any number of cores"
    return threads_for(products, alone=True), "deterministic=False: by the largest product and the cores"


def cores_for(*, alone: bool = False) -> int:
    """How many cores may work at a step's large products together, each on its part and with one thread of BLAS.

    One where BLAS has threads of its own: where it is `alone`, or where nobody can set their number; what the
    environment sets is an upper bound.
    """
    cores = machine.cores()
    return 1 if alone or not _libraries() else min(cores, given() or cores)


def given() -> int | None:
    """The number of threads that the environment sets, an upper bound; None where it sets none."""
    for name in GIVEN:
        first = os.environ.get(name, "").partition(",")[0].strip()
        if first.isdigit() and int(first) > 0:
            return int(first)
    return None


@contextmanager
def limited(threads: int) -> Iterator[Limit]:
    """BLAS uses at most so many threads in here, and afterwards as many as before; also after an error.

    What the environment sets, and a limit already in force, are upper bounds. Nested ones may lower it further. The
    threads are the whole process's: of trainings side by side, all get the least that one of them asks for.
    Without threadpoolctl nothing is set, and the Limit says so.
    """
    libraries = _libraries()
    if not libraries:
        yield Limit(None, ABSENT if libraries is None else "no BLAS is loaded whose threads can be set")
        return
    bounds = [bound for bound in (threads, given()) if bound is not None]
    held = _Held(max(1, min(bounds)))
    try:
        yield Limit(held.enter(libraries))
    finally:
        held.leave()


class _Held:
    """One use of `limited`. What OpenMP gives each thread of the program for itself is kept in here."""

    lock = Lock()
    active: ClassVar[list[_Held]] = []  # the process's, like the threads themselves
    before: ClassVar[dict[Any, int]] = {}

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.own: dict[Any, int] = {}

    def enter(self, libraries: tuple[Any, ...]) -> int:
        """Sets the threads; how many there are now."""
        self.own = {library: library.num_threads for library in libraries if _by_thread(library)}
        for library, number in self.own.items():
            _set(library, min(number, self.threads))
        with self.lock:
            if not self.active:
                self.before.update((lib, lib.num_threads) for lib in libraries if lib not in self.own)
            self.active.append(self)
            self.settle()
        return max(library.num_threads for library in libraries)

    def leave(self) -> None:
        """Puts back what was there before, or what those still running ask for."""
        for library, number in self.own.items():
            _set(library, number)
        with self.lock:
            if self in self.active:
                self.active.remove(self)
                self.settle()
                if not self.active:
                    self.before.clear()

    def settle(self) -> None:
        least = [held.threads for held in self.active]
        for library, number in self.before.items():
            _set(library, min([number, *least]))


def _by_thread(library: Any) -> bool:
    """Whether each thread of the program has its own number of BLAS threads."""
    return library.internal_api == "openblas" and library.threading_layer == "openmp"


def _set(library: Any, number: int) -> None:
    """From any thread: newer threadpoolctls let only the first that asked set it, until it is done."""
    free = getattr(library, "clear_controlling_thread", lambda force: None)
    free(force=True)
    library.set_num_threads(number)
    free(force=True)


@cache
def _libraries() -> tuple[Any, ...] | None:
    """The loaded BLAS libraries, NumPy's among them; None without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
