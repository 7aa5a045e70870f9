"""Threads that make the pieces of a step's calls, beside the one that asks for them.

With Numba they look for work in compiled code (`board`), where a set of pieces begins at once on all that are awake.
One that has found none for a while sleeps, and takes long to wake beside a small set: where the sets of a step follow
each other closely they stay awake, and when there are none they take no core's time.
Whoever looks in vain gives way to other programs. Where these keep all cores busy nobody helps: for a while the
thread that asks then makes all but the largest sets alone, and the others sleep as soon as they find nothing.

Ctrl-C may come anywhere: hence queues and threads of C's, whose calls are whole or not at all, and not those of
`threading`.

Without Numba each set wakes them by way of Python. Either way it hangs on no clock what is computed, only by whom.
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
from .task import Piece, TaskBatch, address, giving_way

WAKES, LARGEST = 2**24, 2**27
"""The work of a set that those who sleep are woken for, and of one that is always shared, in multiply-adds."""
AWAKE, APART, NAP = 3e-4, 0.1, 1e-5
"""Seconds: a thread looks for work before it sleeps; nobody helps, and so is asked; sleep, at the end of a set."""
UNHELPED = 4
"""Sets that nobody helped with in a row, of those that wake who sleeps, before nobody is asked."""
TRIED, TRIALS = 2**10, 5
"""Looks by which it is found how many AWAKE are, and how often: another program may have taken the core."""
WAITED = 2**10
"""How often the one that asks looks whether all is done, in the time of one such look, before it takes a nap."""

Call = Callable[[], Any]


class Hands(NamedTuple):
    """So many cores work together; `compiled`: through Numba, without Python's lock."""

    cores: int = 1
    compiled: bool = False


def together(pieces: list[Piece], work: int, hands: Hands) -> Call:
    """A call that makes all of them, here and on the threads of a crew."""
    found = TaskBatch.of(pieces) if hands.compiled else None
    if found is None:
        return partial(
            _by_python, [partial(unwrapped(function), *args) for function, args in pieces], hands.cores
        )
    return partial(_by_board, found, work, hands.cores)


def _by_board(loops: TaskBatch, work: int, cores: int) -> None:
    _crew(cores - 1, os.getpid()).make(loops, work)


@cache
def _crew(size: int, process: int) -> Crew:
    """A forked process has none of its parent's threads, and gets its own."""
    return Crew(size)


class Crew:
    """Threads that serve a board, for one training at a time: another that comes meanwhile does its work alone."""

    def __init__(self, size: int) -> None:
        from . import workqueue as board

        self.code, self.size = board, size
        self.words = np.zeros((board.ASLEEP + (size + 2) * board.LINE) // 8, "int64")
        self.board = address(self.words) + -address(self.words) % board.LINE
        self.free, self.kept = Lock(), Kept(self.words)
        self.unhelped, self.apart, self.until = 0, False, 0.0
        self._set(board.YIELD, giving_way())
        board.serve(self.board, size)  # compiles
        self._set(board.LOOKS, TRIED)
        self.looks = max(1, int(TRIED * AWAKE / min(map(self._seconds, range(TRIALS)))))
        self._set(board.LOOKS, self.looks)
        self.beds = [SimpleQueue[None]() for _ in range(size)]  # whose put no interrupt leaves half done
        finalize(self, _end, self.kept, self.beds).atexit = False
        for thread, bed in enumerate(self.beds):
            start_new_thread(_follow, (partial(board.serve, self.board, thread), bed, self.kept))

    def _set(self, word: int, value: int) -> None:
        self.words[(self.board + word - address(self.words)) // 8] = value

    def _seconds(self, _: int) -> float:
        """How long it takes to look for work in vain."""
        began = perf_counter()
        self.code.serve(self.board, self.size)
        return perf_counter() - began

    def make(self, loops: TaskBatch, work: int) -> None:
        """All loops of a table, which are so much work."""
        try:
            alone = self.apart and work < LARGEST and perf_counter() < self.until
            if alone or not self.free.acquire(blocking=False):
                self.code.make_all(loops.address, loops.count)
                return
            self._share(loops, work)
            self.free.release()
        except BaseException:
            # a thread may have missed that it is to wake, or nobody may free the crew: the next set gets another
            _crew.cache_clear()
            while not self.code.ended(self.board, self.looks):
                sleep(NAP)
            raise

    def _share(self, loops: TaskBatch, work: int) -> None:
        if self.apart and perf_counter() >= self.until:
            self.apart = False
            self._set(self.code.LOOKS, self.looks)
        self.kept.loops = loops
        woken = self.code.post(self.board, loops.address, loops.count, self.size if work >= WAKES else 0)
        if woken:
            for thread, bed in enumerate(self.beds):
                if woken >> thread & 1:
                    bed.put(None)
        helped = self.code.take(self.board) < loops.count
        while not self.code.ended(self.board, WAITED * self.looks):
            sleep(NAP)
        if helped:
            self.unhelped = 0
        elif work >= WAKES:
            self.unhelped += 1
            if self.unhelped >= UNHELPED:
                self.unhelped, self.apart, self.until = 0, True, perf_counter() + APART
                self._set(self.code.LOOKS, 1)


class Kept:
    """What lasts as long as any of a crew's threads, whom an interrupt may leave with loops to make."""

    def __init__(self, words: np.ndarray) -> None:
        self.words, self.loops, self.ended = words, TaskBatch([]), False


def _follow(serve: Call, bed: SimpleQueue[None], kept: Kept) -> None:
    while not kept.ended:
        serve()
        bed.get()


def _end(kept: Kept, beds: list[SimpleQueue[None]]) -> None:
    """Nobody has the crew any more."""
    kept.ended = True
    for bed in beds:
        bed.put(None)


def _by_python(pieces: list[Call], cores: int) -> None:
    """Makes all the calls, here and on other threads; the first error is raised once all have ended."""
    left, done = deque(pieces), SimpleQueue[BaseException | None]()
    for queue in _queues(cores - 1, os.getpid())[: len(pieces) - 1]:
        queue.put((left, done))
    _work(left, done)
    for error in [done.get() for _ in pieces]:
        if error is not None:
            raise error


def _work(left: deque[Call], done: SimpleQueue[BaseException | None]) -> None:
    """Takes pieces until none is left; for each, None goes to `done`, or its error."""
    while left:
        try:
            piece = left.popleft()
        except IndexError:  # another was quicker
            return
        try:
            piece()
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)


@cache
def _queues(size: int, process: int) -> list[SimpleQueue[Any]]:
    """Where each of so many threads waits for work; a forked process has none of its parent's, and gets its own.

    From one queue for all they would be woken one after another, each by the one before.
    """

    def follow(queue: SimpleQueue[Any]) -> None:
        while True:
            _work(*queue.get())

    queues = [SimpleQueue[Any]() for _ in range(size)]
    for queue in queues:
        start_new_thread(follow, (queue,))
    return queues
