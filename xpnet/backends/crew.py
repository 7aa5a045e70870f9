"""Threads that make the pieces of a step's calls, beside the one that asks for them.

With Numba they look for work in compiled code (`board`), and a set of pieces begins on all that are awake within a
microsecond. One that has found none for a while sleeps, and takes some 50 microseconds to wake: where the sets of a
step follow each other more closely than that they stay awake, and when there are none they take no core's time.
Without Numba each set wakes them by way of Python.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from time import perf_counter, sleep
from typing import Any, NamedTuple

import numpy as np

from .loops import Piece, Table, address, table

AWAKE = 3e-4
"""Seconds for which a thread looks for work before it sleeps."""
TRIED, TRIALS = 2**10, 5
"""Looks by which it is found how many that are, and how often: another program may have taken the core."""
WAITED = 8
"""The part of these for which the one that asks waits for the last piece, before it lets others have its core."""
WAKES = 2**24
"""The work of a set that those who sleep are woken for."""

Call = Callable[[], Any]


class Hands(NamedTuple):
    """So many cores work together; `compiled`: through Numba, without Python's lock."""

    cores: int = 1
    compiled: bool = False


def together(pieces: list[Piece], work: int, hands: Hands) -> Call:
    """A call that makes all of them, here and on the threads of a crew."""
    found = table(pieces) if hands.compiled else None
    if found is None:
        return partial(_by_python, [partial(function, *args) for function, args in pieces], hands.cores)
    return partial(_by_board, found, hands.cores, work >= WAKES)


def _by_board(work: Table, cores: int, wakes: bool) -> None:
    _crew(cores - 1, os.getpid()).make(work, wakes=wakes)


@cache
def _crew(size: int, process: int) -> Crew:
    """A forked process has none of its parent's threads, and gets its own."""
    return Crew(size)


class Crew:
    """Threads that serve a board, for one training at a time: another that comes meanwhile does its work alone."""

    def __init__(self, size: int) -> None:
        from . import board

        self.size, self.free, self.work = size, Lock(), Table([])
        self.words = np.zeros((board.ASLEEP + (size + 2) * board.LINE) // 8, "int64")
        start = address(self.words)
        self.board = start + -start % board.LINE
        self.make_all, self.post, self.ended, self.serve = (
            board.make_all,
            board.post,
            board.ended,
            board.serve,
        )
        self.serve(self.board, size, 0)  # compiles
        self.looks = max(1, int(TRIED * AWAKE / min(map(self._seconds, range(TRIALS)))))
        self.beds = [Semaphore(0) for _ in range(size)]
        for thread, bed in enumerate(self.beds):
            Thread(target=self._follow, args=(thread, bed), name=f"xpnet-{thread}", daemon=True).start()

    def _seconds(self, _: int) -> float:
        """How long it takes to look for work in vain."""
        began = perf_counter()
        self.serve(self.board, self.size, TRIED)
        return perf_counter() - began

    def _follow(self, thread: int, bed: Semaphore) -> None:
        while True:
            self.serve(self.board, thread, self.looks)
            bed.acquire()

    def make(self, work: Table, *, wakes: bool = True) -> None:
        """All loops of a table, on those who are awake, or on all."""
        if not self.free.acquire(blocking=False):
            self.make_all(work.address, work.count)
            return
        try:
            self.work = work  # which an interrupt may leave to the threads
            woken = self.post(self.board, work.address, work.count, self.size if wakes else 0)
            if woken:
                for thread, bed in enumerate(self.beds):
                    if woken >> thread & 1:
                        bed.release()
            while not self.ended(self.board, self.looks // WAITED):
                sleep(0)  # another program has the core of a thread
        except BaseException:
            _crew.cache_clear()  # a thread may have missed that it is to wake
            while not self.ended(self.board, self.looks):
                sleep(0)
            raise
        finally:
            self.free.release()


def _by_python(pieces: list[Call], cores: int) -> None:
    """Makes all the calls, here and on other threads; the first error is raised once all have ended."""
    left, done = deque(pieces), SimpleQueue[BaseException | None]()
    for hand in _hands(cores - 1, os.getpid())[: len(pieces) - 1]:
        hand.put((left, done))
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
def _hands(size: int, process: int) -> list[SimpleQueue[Any]]:
    """Where each of so many threads waits for work; a forked process has none of its parent's, and gets its own.

    From one queue for all they would be woken one after another, each by the one before.
    """

    def follow(hand: SimpleQueue[Any]) -> None:
        while True:
            _work(*hand.get())

    hands = [SimpleQueue[Any]() for _ in range(size)]
    for index, hand in enumerate(hands):
        Thread(target=follow, args=(hand,), name=f"xpnet-{index}", daemon=True).start()
    return hands
