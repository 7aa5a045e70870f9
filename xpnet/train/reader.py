"""A reader: one thread that makes batches ahead of the step, and that no end of a training waits for long."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self, TypeVar

from ..errors import warn

T = TypeVar("T")

WAIT_SECONDS = 1.0
"""The longest that the end of a training waits for the item that is being made."""


class Reader:
    """Runs functions one after another in a daemon thread.

    A source of batches may wait for a queue or a socket for as long as it likes. The standard library joins its pools
    at their end and at the interpreter's, so that Ctrl-C would be heard when the source answers.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Any] = SimpleQueue()
        self._thread = Thread(target=self._run, name="xpnet reader", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """The future of `function(*args)`."""
        future: Future[T] = Future()
        self._work.put((future, function, args))
        return future

    def close(self) -> None:
        """Ends the thread; one that does not answer in time is left behind, with a warning."""
        self._work.put(None)
        self._thread.join(WAIT_SECONDS)
        if self._thread.is_alive():
            warn("the source of batches has not answered: its thread is left behind, and ends once it does")

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, function, args = item
            try:
                future.set_result(function(*args))
            except BaseException as error:  # it is raised where the result is asked for
                future.set_exception(error)
