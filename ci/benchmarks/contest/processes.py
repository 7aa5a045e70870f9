"""Contestants as processes of their own, pinned to cores, of which one runs at a time."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

WORKERS = Path(__file__).parents[1] / "workers"
COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PATIENCE = 600
"""Seconds without an answer after which a worker counts as hung, unless it has a `patience` of its own."""


class GoneError(Exception):
    """A worker ended, or hung; the message says why."""


@dataclass(frozen=True)
class Contestant:
    """A worker's file and variant, under the name that tables show.

    title: for tables. ours: one of xpnet's or the floor, whose failure is an error and not an absence.
    tuned: whether it is tried with one thread and with all, and the better kept. environment: variables of
    its own.
    """

    title: str
    file: str
    variant: str = ""
    ours: bool = False
    tuned: bool = False
    environment: dict = field(default_factory=dict)


class Worker:
    """A contestant at work on a task.

    cores: those it may run on. threads: for every library that asks OpenMP or its BLAS, or None for what it
    chooses itself. It is stopped (SIGSTOP) while it is not asked, so that no idle thread of its spins.
    """

    def __init__(self, contestant, cores, threads, kernel) -> None:
        self.contestant, self.threads, self.patience = contestant, threads, PATIENCE
        environment = {**os.environ, "PYTHONWARNINGS": "ignore", **contestant.environment}
        for name in (*COUNTS, "OPENBLAS_CORETYPE"):
            environment.pop(name, None)
        if threads is not None:
            environment |= dict.fromkeys(COUNTS, str(threads))
        if kernel is not None:
            environment["OPENBLAS_CORETYPE"] = kernel
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the worker
        answers, theirs = os.pipe()  # not standard output, on which a library may print
        variant = [contestant.variant] if contestant.variant else []
        self.process = subprocess.Popen(
            [sys.executable, str(WORKERS / contestant.file), *variant],
            stdin=subprocess.PIPE,
            stdout=self.said,
            stderr=self.said,
            pass_fds=(theirs,),
            env={**environment, "BENCHMARK_ANSWERS": str(theirs)},
            preexec_fn=lambda: (pin(cores), end_with_parent()),
        )
        os.close(theirs)
        self.answers = os.fdopen(answers, "rb")

    def ask(self, message) -> dict:
        """The answer to a message; GoneError where there is none."""
        self._signal("SIGCONT")
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.answers], [], [], self.patience)
            line = self.answers.readline() if ready else b""
        except OSError:  # it ended before it could read
            line, ready = b"", True
        if not line:
            raise GoneError(self._reason() if ready else f"gave no answer in {self.patience:.0f} s")
        self._signal("SIGSTOP")
        return json.loads(line)

    def learn(self, task) -> dict:
        """Has it build its network and learn; {"loss", "first_loss"}."""
        return self.ask(asdict(task))

    def time(self, seconds) -> tuple[float, str]:
        """(microseconds a step, what ran) of a run of at least `seconds` from the initial weights."""
        found = self.ask({"seconds": seconds})
        return found["seconds"] / found["steps"] * 1e6, found["about"]

    def close(self) -> None:
        """Ends it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.answers.close()
        self.said.close()

    def _signal(self, name) -> None:
        if hasattr(signal, name) and self.process.poll() is None:
            self.process.send_signal(getattr(signal, name))

    def _reason(self) -> str:
        status = self.process.wait()
        self.said.seek(0)
        lines = [line.strip() for line in self.said.read().splitlines() if line.strip()]
        return lines[-1] if lines else f"ended with status {status}"


def pin(cores) -> None:
    """Keeps this process on the cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def end_with_parent() -> None:
    """Has Linux kill this process when its parent ends: one that is stopped would never notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


def all_cores() -> set[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def quietest(cores) -> int:
    """Of some cores the one that other programs used least during a third of a second, where Linux tells."""
    try:
        before = _idle()
        time.sleep(0.3)
        after = _idle()
        return max(sorted(cores), key=lambda core: after[core] - before[core])
    except (OSError, KeyError, ValueError):
        return max(cores)


def _idle() -> dict[int, int]:
    """The ticks that each core has been idle since the boot."""
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    return {int(line[0][3:]): int(line[4]) for line in lines if line[0][:3] == "cpu" != line[0]}
