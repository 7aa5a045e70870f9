"""Progress of a training on standard error: a bar on a terminal, else about ten lines."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from contextlib import suppress
from typing import Any

from ..train import Callback
from . import LOADED
from .shared import say

BAR_CHARACTERS = 40
TIME_CHARACTERS = 7
_ESCAPES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


class ProgressBar(Callback):
    """A callback: shows progress, and times the process from its start to the end of the first epoch.

    The bar is rich's, the extra `cli`. A terminal that is gone, as after a lost connection, ends no training.
    """

    def __init__(self, args: argparse.Namespace, epochs: int) -> None:
        self.args, self.epochs, self.first_epoch = args, epochs, 0.0
        self.bar: Any = None

    def on_begin(self, model: Any) -> None:
        if self.args.quiet or not sys.stderr.isatty():
            return
        try:
            self.bar = _bar()
        except ImportError:
            return
        self.task = self.bar.add_task("", total=self.epochs)
        self.bar.start()

    def on_epoch(self, model: Any, record: dict[str, Any]) -> None:
        epoch = record["epoch"]
        self.first_epoch = self.first_epoch or process_age()
        line = f"epoch {epoch}/{self.epochs}  loss {record['loss']:.4f}"
        if "val_accuracy" in record:
            line += f"  held out {record['val_accuracy']:.1%} right"
        elif "val_loss" in record:
            line += f"  held out {record['val_loss']:.4f}"
        if self.bar is not None:
            self.bar.update(self.task, advance=1, description=line)
        elif epoch % max(1, self.epochs // 10) == 0 or epoch == self.epochs:
            say(self.args, line)

    def on_end(self, model: Any) -> None:
        """Stops the bar and keeps its last line, also when training ends with an error or Ctrl-C."""
        if self.bar is not None:
            self.bar.stop()


class Terminal:
    """A terminal on which a line that is drawn again stays whole when the window becomes narrower.

    A narrower window breaks the line in two. The cursor waits at its beginning, and all that is below is erased before
    it is drawn again.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        drawn = _ESCAPES.sub("", text.rpartition("\n")[2]).strip()
        with suppress(OSError):
            self.stream.write(text.replace("\x1b[2K", "\x1b[J") + ("\r" if drawn else ""))

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()


def _bar() -> Any:
    """rich's progress bar, on one line of any width; ImportError without rich."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    console = Console(file=Terminal(sys.stderr))

    def room() -> int:
        return console.width - TIME_CHARACTERS - 2  # a space between two columns

    class Description(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(fitted(task.description, room() - 4))

    class Bar(BarColumn):
        def render(self, task: Any) -> Any:
            found = super().render(task)
            found.width = max(1, min(BAR_CHARACTERS, room() - len(fitted(task.description, room() - 4))))
            return found

    time_left = TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=TIME_CHARACTERS))
    return Progress(Description(table_column=Column(no_wrap=True)), Bar(), time_left, console=console)


def fitted(line: str, width: int) -> str:
    """A line without the last of its parts, which two spaces separate, or cut where it is still too long."""
    while len(line) > width and "  " in line:
        line = line.rpartition("  ")[0]
    return line[: max(0, width)]


def process_age() -> float:
    """Seconds since the process was created; since xpnet.cli was imported where the system does not tell."""
    known = time.perf_counter() - LOADED
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])  # "starttime", proc(5): since the boot
        return max(known, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return known
