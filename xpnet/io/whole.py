"""Files and run folders that are replaced whole or not at all, whatever fails, and when the process is killed.

The files of a run folder are replaced in three steps. The new files are complete in a hidden folder, which is renamed
into the run's folder as COMMITTED: from here on the new run is the one that counts. The old files are removed, and the
hidden folder is renamed to CLEARED. The new files move to their places, the model last. So no file of the old run
ever lies beside one of the new run, and `settle` completes what a kill cuts short.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..calls import checked
from ..errors import told
from .parts import is_part, locked, part_of

MODEL = "model.xpnet"
CONFIG = "config.toml"
HISTORY = "history.csv"
METRICS = "metrics.json"
LOSS = "loss.png"
FILES = (CONFIG, HISTORY, METRICS, LOSS, MODEL)
"""The files of a run's folder. The model is the last to come: a folder without it holds no run."""
COMMITTED = ".run.committed"
CLEARED = ".run.cleared"

AS_IT_WAS = "what was there is unchanged: choose another path, or make room here"
"""The end of an error of a write that has changed nothing."""
_IN_PLACE_LATER = (
    f"its new run is whole in the folder {COMMITTED} or {CLEARED} there, and the next command that names the folder "
    "puts it in place"
)


@checked
def write_whole(path: str | os.PathLike[str], parts: Iterable[bytes]) -> None:
    """Writes a new file beside the old one, syncs it to the disk, and replaces the old one by it: atomic.

    The new file has the old one's mode, and its owner and group where the system allows that.
    """
    path = Path(path)
    with told(path, "written", AS_IT_WAS):
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"path {str(path)!r}: the folder {path.parent} does not exist: create it first"
            )
        if path.is_dir():
            raise IsADirectoryError(f"path {str(path)!r} is a folder: give the name of a file in it")
        if path.exists() and not path.is_file():  # a device or a pipe is written to, and stays
            with path.open("wb") as file:
                file.writelines(parts)
            return
        final = Path(os.path.realpath(path))  # a link stays a link, and its target is replaced
        with part_of(final) as new:
            with new.open("r+b") as file:
                if final.exists():
                    _keep_owner_and_mode(new, final.stat())
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            new.replace(final)
        sync_folder(final.parent)


def _keep_owner_and_mode(new: Path, old: os.stat_result) -> None:
    made = new.stat()
    if hasattr(os, "chown") and (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        for owner in (old.st_uid, -1):  # another user than root may at most keep the group
            with suppress(OSError):
                os.chown(new, owner, old.st_gid)
                break
    new.chmod(old.st_mode & 0o777)


def replace_run(folder: Path, stage: Path, *, force: bool) -> bool:
    """Moves the files of `stage`, a part, to an existing folder; False if that is not empty, without `force`.

    force: the files of a run are replaced, and others stay.
    """
    with locked(folder):
        _complete(folder)
        if not force and holds_files(folder):
            return False
        sync(stage)
        old = [folder / name for name in FILES if (folder / name).exists()]
        stage.rename(folder / COMMITTED)
        try:
            _complete(folder)
        except OSError:
            if (folder / COMMITTED).is_dir() and all(path.exists() for path in old):
                (folder / COMMITTED).rename(stage)
                raise
            with told(folder, "completed", _IN_PLACE_LATER):
                raise
    return True


def settle(folder: Path) -> str | None:
    """Completes the replacement of a run that a kill cut short; a sentence about it, or None if there was none."""
    if not _pending(folder):
        return None
    with locked(folder):
        if not _pending(folder):  # it was not killed
            return None
        with told(folder, "completed", _IN_PLACE_LATER):
            _complete(folder)
    return f"{folder}: the command that replaced this run was killed; the new run was complete and is in place now"


def _pending(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in (COMMITTED, CLEARED))


def _complete(folder: Path) -> None:
    """Moves the new files of a run to their places, from any of the steps."""
    committed, cleared = folder / COMMITTED, folder / CLEARED
    if committed.is_dir():
        sync_folder(folder)
        for name in reversed(FILES):
            (folder / name).unlink(missing_ok=True)
        committed.rename(cleared)
    if cleared.is_dir():
        for name in FILES:
            if (cleared / name).exists():
                (cleared / name).replace(folder / name)
        sync_folder(folder)
        cleared.rmdir()


def holds_files(folder: Path) -> bool:
    """True for a folder with any entry but what killed commands left behind."""
    return any(not is_part(entry.name) for entry in folder.iterdir())


def sync(folder: Path) -> None:
    """Syncs a folder and the files in it to the disk."""
    for path in folder.iterdir():
        with path.open("r+b") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Syncs the names in a folder to the disk, on systems that let a folder be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
