"""A contest on one task: everyone learns, then everyone is timed in turn, round after round."""

import math
import re
import statistics
import sys
import time
from dataclasses import dataclass, field

from . import figures
from .processes import PATIENCE, GoneError, Worker

TOLERANCE = 0.02
"""The largest relative distance of a final loss from the median of all."""


@dataclass
class Entry:
    """The results of one contestant: its times by round in microseconds a step, and its loss."""

    key: str
    title: str
    worker: Worker | None = None
    times: list = field(default_factory=list)
    loss: float | None = None
    about: str = ""
    strayed: str = ""

    @property
    def us(self) -> float:
        return statistics.median(self.times)

    def row(self) -> dict:
        """For JSON."""
        return {
            "contestant": self.key,
            "title": self.title,
            "us": self.us,
            "spread": figures.spread(self.times),
            "times": self.times,
            "threads": self.worker.threads,
            "loss": self.loss,
            "strayed": self.strayed,
            "about": self.about,
        }


@dataclass
class Contest:
    """The entries that took part by key, the reasons of those that did not, and the floor's marks."""

    entries: dict = field(default_factory=dict)
    absent: dict = field(default_factory=dict)
    failed: list = field(default_factory=list)
    marks: list = field(default_factory=list)

    @property
    def noisy(self) -> bool:
        """True if the floor varied too much to conclude anything, or was not timed."""
        return not self.marks or figures.noisy(self.marks, self.floor)

    @property
    def floor(self) -> list:
        """The floor's times in the rounds."""
        return self.entries["floor"].times if "floor" in self.entries else []


def compete(contestants, task, *, cores, kernel, seconds, repeats) -> Contest:
    """Runs a contest among contestants by key, of which "floor" is one.

    cores: those that all are pinned to. One that fails is absent, with the reason, and `failed` if it is ours.
    """
    contest = Contest()
    try:
        first = 0.0
        for key, contestant in contestants.items():
            say(f"{task.name}: {contestant.title}")
            try:
                entry = contest.entries[key] = Entry(key, contestant.title)
                entry.worker, learned = best(contestant, task, cores, kernel, seconds)
                entry.loss, first = learned["loss"], learned["first_loss"]
            except GoneError as gone:
                leave(contest, key, contestant, str(gone))
        for key, reason in strayed({k: e.loss for k, e in contest.entries.items()}, first).items():
            contest.entries[key].strayed = reason
        mark(contest, seconds)
        for number in range(repeats):
            say(f"{task.name}: round {number + 1} of {repeats}")
            if number == repeats // 2:
                mark(contest, seconds)
            keys = list(contest.entries)
            turn = number % max(1, len(keys))
            for key in keys[turn:] + keys[:turn]:  # no contestant is always first
                entry = contest.entries[key]
                try:
                    us, entry.about = entry.worker.time(seconds)
                    entry.times.append(us)
                except GoneError as gone:
                    entry.worker.close()
                    leave(contest, key, contestants[key], str(gone))
        mark(contest, seconds)
    finally:
        for entry in contest.entries.values():
            if entry.worker:
                entry.worker.close()
    return contest


def best(contestant, task, cores, kernel, seconds):
    """(a worker that has learned, what it said): of those tuned the faster of one thread and one per core.

    Threads that wait for each other on shared cores may take minutes for what one does in a second: they are
    given up after ten times its time.
    """
    counts = sorted({1, len(cores)}) if contestant.tuned else [1 if len(cores) == 1 else None]
    winner, learned, fastest, patience = None, {}, math.inf, PATIENCE
    for threads in counts:
        worker, begun = Worker(contestant, cores, threads, kernel), time.perf_counter()
        worker.patience = patience
        try:
            said = worker.learn(task)
            us = min(worker.time(seconds / 2)[0] for _ in range(2)) if len(counts) > 1 else 0.0
        except BaseException as error:
            worker.close()
            if winner and isinstance(error, GoneError):
                continue
            if winner:
                winner.close()
            raise
        patience, loser = 10 + 10 * (time.perf_counter() - begun), worker
        if us < fastest:
            loser, winner, learned, fastest = winner, worker, said, us
        if loser:
            loser.close()
    winner.patience = PATIENCE
    return winner, learned


def leave(contest, key, contestant, reason) -> None:
    """Takes a contestant out."""
    contest.entries.pop(key)
    reason = contest.absent[contestant.title] = re.sub(r"^[\w.]*Error: ", "", reason)
    if contestant.ours and "is not installed" not in reason and "cannot be used" not in reason:
        contest.failed.append(contestant.title)


def mark(contest, seconds) -> None:
    """Times the floor: how fast the machine is now."""
    if "floor" in contest.entries:
        worker = contest.entries["floor"].worker
        contest.marks.append(statistics.median(worker.time(seconds)[0] for _ in range(3)))


def strayed(losses, first) -> dict[str, str]:
    """{contestant: reason} of those that did not learn as the others did; a loss is None where nothing is learned.

    A final loss must lie within 2 % of the median, and a fifth below the loss before training.
    """
    known = {key: loss for key, loss in losses.items() if loss is not None}
    if not known:
        return {}
    middle, found = statistics.median(known.values()), {}
    for key, loss in known.items():
        if not loss <= 0.8 * first:
            found[key] = f"did not learn: its loss went from {first:.4f} to {loss:.4f}"
        elif not abs(loss / middle - 1) <= TOLERANCE:
            found[key] = (
                f"learned something else: its loss {loss:.4f} is {loss / middle - 1:+.1%} off the median"
            )
    return found


def say(line) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)
