"""The folder of a run: model, configuration, history, scores and picture, written all or none."""

from __future__ import annotations

import csv
import json
import secrets
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError

MODEL = "model.xpnet"
CONFIG = "config.toml"
HISTORY = "history.csv"
METRICS = "metrics.json"
LOSS = "loss.png"
FILES = (MODEL, CONFIG, HISTORY, METRICS, LOSS)
"""The files of a run's folder."""
RUNS = Path("runs")
"""The folder in which a run without a folder of its own is saved."""


def check(path: Path, *, force: bool = False) -> None:
    """Raises OSError if a run cannot be written to this folder, or would replace files without `force`."""
    if path.is_dir() and any(path.iterdir()) and not force:
        raise FileExistsError(
            f"the folder {str(path)!r} is not empty: choose another, or replace its run with --force"
        )
    above = next(there for there in (path, *path.absolute().parents) if there.exists())
    if not above.is_dir():
        raise NotADirectoryError(f"{str(above)!r} is a file: choose a folder for the run")
    trial = above / f".{secrets.token_hex(6)}.part"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise type(error)(
            f"the folder {str(above)!r} cannot be written to ({error.strerror}): choose another"
        ) from error


def write(path: Path | None, name: str, fill: Callable[[Path], Any], *, force: bool = False) -> Path:
    """Creates the folder of a run, complete or not at all; returns its path.

    path: None for the first free one of runs/name-1, runs/name-2...
    fill: writes the files into a temporary folder, which is renamed at the end.
    force: replaces the files of an existing run, and no other files.
    """
    final = path or free(name)
    check(final, force=force)
    final.parent.mkdir(parents=True, exist_ok=True)
    stage = final.with_name(f".{final.name}.{secrets.token_hex(6)}.part")
    try:
        stage.mkdir()
        fill(stage)
        if force and final.is_dir():
            for file in FILES:
                if (stage / file).exists():
                    (stage / file).replace(final / file)
                else:
                    (final / file).unlink(missing_ok=True)
            return final
        while True:
            try:
                return stage.rename(final)
            except OSError:
                if path is not None or not final.exists():
                    raise
                final = free(name)  # another run has taken the name meanwhile
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def free(name: str) -> Path:
    """The first of runs/name-1, runs/name-2... that does not exist."""
    return next(path for number in count(1) if not (path := RUNS / f"{name}-{number}").exists())


def save(folder: Path, model: Any, config: Any, metrics: dict[str, Any]) -> None:
    """Writes the files of a run, the model first, which alone may be large. No picture without matplotlib."""
    model.save(folder / MODEL)
    (folder / CONFIG).write_text(
        str(config), encoding="utf-8", errors="replace"
    )  # a file's name may not be UTF-8
    (folder / METRICS).write_text(json.dumps(metrics, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with (folder / HISTORY).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(model.history)
        out.writerows(zip(*model.history.values(), strict=True))
    from .. import plots
    from ..plots.style import write

    try:
        axes = plots.learning_curves(model.history)
    except MissingExtraError:
        return
    write(axes.figure, folder / LOSS, dpi=100)
