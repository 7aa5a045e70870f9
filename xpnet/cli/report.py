"""What a training shows: progress while it runs, and its result as a table or as JSON."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Any

from ..train import Callback
from . import LOADED


class Watch(Callback):
    """A callback: progress on standard error, and the times of the training.

    aside: seconds spent in here and not in training. first_epoch: seconds from the start of the process
    to the end of the first epoch. A terminal gets one line that is rewritten, anything else about ten.
    """

    def __init__(self, epochs: int, held: tuple[Any, ...], *, quiet: bool) -> None:
        self.epochs, self.held, self.quiet = epochs, held, quiet
        self.live = sys.stderr is not None and sys.stderr.isatty()
        self.aside = self.first_epoch = self._shown = 0.0
        self._width = 0

    def say(self, line: str) -> None:
        """A line on standard error, unless quiet."""
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)

    def on_epoch(self, model: Any, record: dict[str, Any]) -> None:
        now = time.perf_counter()
        epoch = record["epoch"]
        self.first_epoch = self.first_epoch or process_age()
        often = now - self._shown > 0.1 if self.live else epoch % max(1, self.epochs // 10) == 0
        if not self.quiet and (often or epoch == self.epochs):
            self._shown = now
            right = model.evaluate(*self.held)["accuracy"]
            self._show(f"epoch {epoch}/{self.epochs}  loss {record['loss']:.4f}  held out {right:.1%} right")
        self.aside += time.perf_counter() - now

    def on_end(self, model: Any) -> None:
        """Leaves the rewritten line, also when training ends with an error or Ctrl-C."""
        if self._width:
            self.say("")

    def _show(self, line: str) -> None:
        if not self.live:
            return self.say(line)
        line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r{line:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(line)


def table(result: dict[str, Any], label: int) -> str:
    """The result for people to read; `label` is what the baseline always says."""
    train, test = result["train"], result["test"]
    rows = [
        ("", "loss", "accuracy"),
        ("train", f"{train['loss']:.4f}", f"{train['accuracy']:.2%}"),
        ("held out", f"{test['loss']:.4f}", f"{test['accuracy']:.2%}"),
        ("baseline", "", f"{result['baseline']:.2%}  always saying {label}"),
        ("seconds", "", f"{result['seconds']:.2f}"),
        ("samples/s", "", f"{result['samples_per_second']:,.0f}"),
    ]
    return "\n".join(f"{name:<9}{loss:>9}{' ' * 4}{value}" for name, loss, value in rows)


def process_age() -> float:
    """Seconds since the process was created; since xpnet.cli was imported where the system does not tell."""
    known = time.perf_counter() - LOADED
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])  # "starttime", proc(5): since the boot
        return max(known, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return known
