"""The folder of a run: model, configuration, history, scores and picture, written all or none."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import told
from ..io.parts import part_of
from ..io.whole import (
    AS_IT_WAS,
    CONFIG,
    HISTORY,
    LOSS,
    METRICS,
    MODEL,
    holds_files,
    replace_run,
    sync,
    sync_folder,
    write_whole,
)

RUNS = Path("runs")
"""The folder in which a run without a folder of its own is saved."""
_NAME_BYTES = 200
"""The most bytes of a data file's name that the name of a run has; systems allow 255 in all."""


def check(path: Path, *, force: bool = False) -> None:
    """Raises OSError if a run cannot be written to this folder, or would replace files without `force`."""
    if path.is_dir() and holds_files(path) and not force:
        raise FileExistsError(
            f"the folder {str(path)!r} is not empty: choose another, or replace its run with --force"
        )
    above = next(there for there in (path, *path.absolute().parents) if there.exists())
    if not above.is_dir():
        raise NotADirectoryError(f"{str(above)!r} is a file: choose a folder for the run")
    try:
        with part_of(above / "trial", folder=True):
            pass
    except OSError as error:
        raise type(error)(
            f"the folder {str(above)!r} cannot be written to ({error.strerror}): choose another"
        ) from error


def write(path: Path | None, name: str, fill: Callable[[Path], Any], *, force: bool = False) -> Path:
    """Creates the folder of a run, complete or not at all; returns its path.

    path: None for the first free one of runs/name-1, runs/name-2... If another run is in the folder by now, this one
    takes the first free one of path-2, path-3...
    fill: writes the files into a temporary folder, which is renamed at the end.
    force: replaces the files of an existing run, all of them or none, and no other files.
    """
    final = path or free(name)
    while not _written(final, fill, force=force):
        final = free(name) if path is None else beside(path)
    return final


def _written(final: Path, fill: Callable[[Path], Any], *, force: bool) -> bool:
    """Writes the folder; False if another run is there."""
    with told(final, "written", AS_IT_WAS):
        made = [above for above in final.absolute().parents if not above.exists()]
        final.parent.mkdir(parents=True, exist_ok=True)
        inside = final.is_dir()  # it may be a mount, to which nothing beside it can be renamed
        with part_of(final / "run" if inside else final, folder=True) as stage:
            try:
                fill(stage)
            except OSError as error:
                if not error.errno:
                    raise
                raise OSError(error.errno, os.strerror(error.errno)) from error  # without the part's name
            if inside or final.is_dir():
                return replace_run(final, stage, force=force)
            sync(stage)
            try:
                stage.rename(final)
            except OSError:
                if final.exists():
                    return False
                raise
            for above in (final, *made):
                sync_folder(above.parent)
            return True


def free(name: str) -> Path:
    """The first of runs/name-1, runs/name-2... that does not exist."""
    name = short(name)
    return next(path for number in count(1) if not (path := RUNS / f"{name}-{number}").exists())


def short(name: str) -> str:
    """The beginning of a data file's name, which the name of a run can hold."""
    if len(os.fsencode(name)) <= _NAME_BYTES:
        return name
    return os.fsencode(name)[:_NAME_BYTES].decode("utf-8", "ignore")


def beside(path: Path, suffix: str = "") -> Path:
    """The first of path-2, path-3... that does not exist; the number comes before the suffix."""
    path = path if path.name.strip(".") else path.absolute()
    stem = path.name.removesuffix(suffix)
    return next(
        other for number in count(2) if not (other := path.with_name(f"{stem}-{number}{suffix}")).exists()
    )


def save(folder: Path, model: Any, config: Any, metrics: dict[str, Any]) -> None:
    """Writes the files of a run, the model first, which alone may be large; without matplotlib no picture."""
    model.save(folder / MODEL)
    # a file's name may not be UTF-8
    (folder / CONFIG).write_text(str(config), encoding="utf-8", errors="replace")
    write_metrics(folder, metrics)
    with (folder / HISTORY).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(model.history)
        out.writerows(zip(*model.history.values(), strict=True))
    from .. import plots
    from ..plots.style import write

    try:
        write(plots.learning_curves(model.history).figure, folder / LOSS, dpi=100)
    except OSError:
        raise
    except (
        Exception
    ):  # matplotlib is not installed, or installed and broken: the run is worth more than its picture
        (folder / LOSS).unlink(missing_ok=True)


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Writes the scores of a run, or replaces them."""
    write_whole(folder / METRICS, [json.dumps(metrics, indent=1, allow_nan=False).encode() + b"\n"])
