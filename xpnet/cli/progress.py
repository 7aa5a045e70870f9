"""Progress of a training on standard error: a bar on a terminal, else about ten lines."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

from ..loading import obstacle
from ..train import Callback
from . import LOADED
from .shared import say


class ProgressBar(Callback):
    """A callback: shows progress, and times the process from its start to the end of the first epoch.

    The bar is rich's, the extra `cli`.
    """

    def __init__(self, args: argparse.Namespace, epochs: int) -> None:
        self.args, self.epochs, self.first_epoch = args, epochs, 0.0
        self.bar: Any = None

    def on_begin(self, model: Any) -> None:
        if self.args.quiet or not sys.stderr.isatty():
            return
        if obstacle("rich.progress", "pip install rich") is not None:
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        self.bar = Progress(*columns, console=Console(stderr=True), transient=False)
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


def process_age() -> float:
    """Seconds since the process was created; since xpnet.cli was imported where the system does not tell."""
    known = time.perf_counter() - LOADED
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])  # "starttime", proc(5): since the boot
        return max(known, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return known
