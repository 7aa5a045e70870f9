"""The number of BLAS threads during a training: one, unless the user states that no other program computes.

The problem: OpenBLAS's threads synchronize by spinning. If another program takes a core from one of them, all others
spin until the scheduler returns it, so that more threads make a step slower, by up to a hundred times. Microseconds
of the matrix products of one training step, float32, on 4 cores (AMD EPYC, family 26; OpenBLAS 0.3.31, pthreads,
kernel SkylakeX), by the number of BLAS threads and of other programs that each keep a core busy: the median of the
means of 3 to 6 runs of half a second, and the worst mean in parentheses.

    network, batch          others                1                2                 3                  4
    784-256-128-10, 128          0      723    (757)     426   (552)     410     (489)      330     (453)
                                 1      768    (821)     426   (521)     414     (420)    1,939   (1,947)
                                 2      945  (1,404)     476   (718)     730     (755)    9,098  (63,983)
                                 4    1,031  (1,239)   1,793 (3,383)   1,269  (71,995)    5,653  (79,999)
    784-1024-1024-10, 256        0   13,847 (14,585)   7,112 (8,284)   5,295   (6,828)    4,812   (7,853)
                                 1   14,607 (19,117)   7,257 (9,973)   8,721   (9,546)   21,531  (63,994)
                                 2   14,835 (18,746)  9,446 (11,419)  14,298  (30,221)  123,303 (142,483)
                                 4   16,271 (23,234) 19,978 (22,099)  83,654 (124,483)   80,548 (156,103)

Only one thread stays within three times its time on an idle machine, whatever else runs. It also has the same bits on
any number of cores: results are reproducible for a fixed number of threads, and differ in last bits between numbers.
The number depends on sizes and on the machine, never on a clock. `ci/benchmarks/threads.py` repeats the measurement;
ci/benchmarks/README.md has more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, ClassVar, NamedTuple

from ...loading import obstacle
from .. import cores as machine

MACS_PER_THREAD = 2**21
"""The multiply-adds of the largest product that repay one more thread on an idle machine."""
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""The environment variables by which a user limits BLAS; OpenBLAS reads the first that is set."""
ABSENT = "threadpoolctl is not installed: pip install 'xpnet[fast]'"
"""The reason of a Limit that could not be set."""


class Limit(NamedTuple):
    """An upper bound of BLAS's threads; true if it was set.

    threads: the number that BLAS now uses at most; None if it could not be set.
    why: the reason for None, in words.
    """

    threads: int | None
    why: str = ""

    def __bool__(self) -> bool:
        return self.threads is not None


def threads_for(products: Iterable[int], cores: int | None = None, *, alone: bool = False) -> int:
    """The number of BLAS threads for a training, from its sizes and the machine alone.

    products: the multiply-adds m k n of the matrix products of a step.
    cores: the cores that the process may use, by default those that `machine.cores` finds.
    alone: no other program computes meanwhile. If false, or unknown, one thread, for the reason above.
    """
    if not alone:
        return 1
    cores = machine.cores() if cores is None else cores
    return max(1, min(cores, max(products, default=0) // MACS_PER_THREAD))


def choose_threads(products: Iterable[int], *, deterministic: bool) -> tuple[int | None, str]:
    """(BLAS threads for a step's products, why); None where their number cannot be set."""
    if (libraries := _libraries()) is None:
        return None, f"BLAS keeps its own setting: {ABSENT}"
    if not libraries:
        return None, "no BLAS is loaded whose threads can be set"
    if deterministic:
        own = "xpnet's own threads share large products of a replayed step"
        return 1, f"deterministic=True: BLAS on one thread has the same bits on any number of cores; {own}"
    return threads_for(products, alone=True), "deterministic=False: by the largest product and the cores"


def cores_for(*, alone: bool = False) -> int:
    """The number of xpnet's own threads that may share a step's large products, each with one thread of BLAS.

    One if BLAS may use several threads: if `alone`, or if threadpoolctl cannot limit it. The environment variables
    are an upper bound.
    """
    cores = machine.cores()
    return 1 if alone or not _libraries() else min(cores, given() or cores)


def given() -> int | None:
    """The number of threads that the environment variables set, an upper bound; None if they set none."""
    for name in VARIABLES:
        first = os.environ.get(name, "").partition(",")[0].strip()
        if first.isdigit() and int(first) > 0:
            return int(first)
    return None


@contextmanager
def limited(threads: int) -> Iterator[Limit]:
    """A context manager that limits BLAS to `threads` threads, and restores the former number, also after an error.

    The environment variables and the limits already in force are upper bounds; a nested one may lower the limit
    further. BLAS's threads belong to the process: trainings that run at once all have the least of their limits.
    Without threadpoolctl nothing is set, and the yielded Limit states that.
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
    """One use of `limited`.

    active: the uses in force in the process, whose least limit holds.
    before: the number of threads of each library before the first of them.
    own: the numbers of libraries that keep one for each thread of the program, as OpenMP does.
    """

    lock = Lock()
    active: ClassVar[list[_Held]] = []  # the process's, like the threads themselves
    before: ClassVar[dict[Any, int]] = {}

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.own: dict[Any, int] = {}

    def enter(self, libraries: tuple[Any, ...]) -> int:
        """Sets the threads; returns the largest number of a library now."""
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
        """Restores the former numbers, or sets the least limit of the uses still in force."""
        for library, number in self.own.items():
            _set(library, number)
        with self.lock:
            if self in self.active:
                self.active.remove(self)
                self.settle()
                if not self.active:
                    self.before.clear()

    def settle(self) -> None:
        """Sets each library to the least of the limits in force; called with the lock held."""
        least = [held.threads for held in self.active]
        for library, number in self.before.items():
            _set(library, min([number, *least]))


def _by_thread(library: Any) -> bool:
    """True if the library keeps its number of threads for each thread of the program."""
    return library.internal_api == "openblas" and library.threading_layer == "openmp"


def _set(library: Any, number: int) -> None:
    """Sets a library's threads from any thread: newer threadpoolctls reserve that for the first thread that set it."""
    free = getattr(library, "clear_controlling_thread", lambda force: None)
    free(force=True)
    library.set_num_threads(number)
    free(force=True)


@cache
def _libraries() -> tuple[Any, ...] | None:
    """The BLAS libraries that the process has loaded, NumPy's among them; None without threadpoolctl."""
    if obstacle("threadpoolctl", "pip install 'xpnet[fast]'") is not None:
        return None
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
