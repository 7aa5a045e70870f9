"""A worker's side of the pipe: one JSON line in, one out."""

import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod

import task


class Contestant(ABC):
    """A way to train a task's network. A worker ends with an error where its library is not there."""

    def __init__(self, given: task.Task, x, y, variant: str = "") -> None:
        """Takes the samples; may compile."""
        self.task, self.x, self.y, self.variant = given, x, y, variant

    @abstractmethod
    def start(self) -> None:
        """Begins anew, from the initial weights and fresh optimizer state."""

    @abstractmethod
    def epochs(self, count: int) -> None:
        """Trains for `count` more epochs, and returns when all is computed."""

    @abstractmethod
    def weights(self):
        """The present (w, b) of each layer as NumPy arrays, w (inputs, outputs); None where nothing learns."""

    def timed(self, seconds: float) -> tuple[int, float]:
        """(steps, seconds) of a run of at least `seconds`, after an epoch to warm up."""
        begun = time.perf_counter()
        self.epochs(1)
        one, spent, done = time.perf_counter() - begun, 0.0, 0
        while spent < seconds:
            count = max(1, math.ceil((seconds - spent) / one))
            begun = time.perf_counter()
            self.epochs(count)
            took = time.perf_counter() - begun
            spent, done, one = spent + took, done + count, took / count
        return done * len(task.order(self.task, 0)), spent

    @abstractmethod
    def about(self) -> str:
        """The library with its version, and what else of it ran."""


def serve(kind: type[Contestant]) -> None:
    """Answers the driver until it closes the pipe.

    The variant is the only argument. The first line in: the task; out: {"loss", "first_loss"} after its epochs
    of learning. Each later one in: {"seconds"}; out: {"steps", "seconds", "about"}.
    """
    answers = os.fdopen(int(os.environ["BENCHMARK_ANSWERS"]), "w")
    wanted = json.loads(sys.stdin.readline())
    given = task.Task(tuple(wanted["sizes"]), wanted["batch"], wanted["learn"])
    x, y = task.samples(given)
    contestant = kind(given, x, y, *sys.argv[1:])
    contestant.start()
    contestant.epochs(given.learn)
    learned = contestant.weights()
    found = None if learned is None else task.loss(learned, x, y)
    reply = {"loss": found, "first_loss": task.loss(task.weights(given), x, y)}
    while True:
        print(json.dumps(reply), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        contestant.start()
        steps, seconds = contestant.timed(json.loads(line)["seconds"])
        reply = {"steps": steps, "seconds": seconds, "about": contestant.about()}
