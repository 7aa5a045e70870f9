"""Files and run folders are whole whatever fails and wherever a kill comes, and nothing is left behind for good."""

import errno
import os
import shutil
from contextlib import suppress
from itertools import count

import numpy as np
import pytest

import xpnet as xn
from xpnet import io
from xpnet.io.whole import CLEARED, COMMITTED, FILES, MODEL, settle, write_whole
from xpnet.runs import folder

from .faults import Killed, faulty

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and modes are POSIX's")

ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT]


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    """A disk takes milliseconds for each sync, of which these tests ask for thousands."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def names(place):
    return sorted(path.name for path in place.iterdir())


def fill(what, files=FILES):
    """A function that writes the files of a run, each with one word."""

    def write(stage):
        for name in files:
            (stage / name).write_text(what) if name != MODEL else write_whole(
                stage / name, [what.encode(), b""]
            )

    return write


@pytest.fixture(params=["file", "link"])
def old(request, tmp_path):
    """A file that holds "old", or a link to one."""
    real = tmp_path / "m"
    write_whole(real, [b"old"])
    if request.param == "file":
        return real
    (tmp_path / "link").symlink_to(real)
    return tmp_path / "link"


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_each_operation_of_a_save_that_fails(old, code, monkeypatch):
    before, raised = names(old.parent), 0
    for at in count(1):
        caught = None
        with faulty(monkeypatch, at, OSError(code, os.strerror(code), "hidden.part")) as disk:
            try:
                write_whole(old, [b"ne", b"w"])
            except OSError as error:
                caught = error
        if not disk.failed:
            break
        if caught is not None:
            raised += 1
            assert caught.errno == code
            assert type(caught) is type(OSError(code, ""))
            assert f"path {str(old)!r} cannot be written, {os.strerror(code).lower()}: " in str(caught)
            assert ".part" not in str(caught)
        assert old.read_text() == ("new" if caught is None else "old"), at
        assert names(old.parent) == before, at
        write_whole(old, [b"old"])
    assert raised >= 6  # the part's name, its file, two writes, fsync, close, rename


def test_a_kill_at_each_operation_of_a_save(old, monkeypatch):
    before, littered = names(old.parent), 0
    for at in count(1):
        with faulty(monkeypatch, at, Killed()) as disk, suppress(Killed):
            write_whole(old, [b"ne", b"w"])
        if not disk.failed:
            break
        assert old.read_text() in ("old", "new"), at
        littered += names(old.parent) != before
        write_whole(old.with_name("another"), [b"any"])
        (old.with_name("another")).unlink()
        assert names(old.parent) == before, at
        write_whole(old, [b"old"])
    assert littered >= 5


RUNS = {
    "replaced": (dict.fromkeys(FILES, "old"), FILES),
    "without a picture": (dict.fromkeys(FILES, "old"), FILES[:-2] + FILES[-1:]),
    "with other files": ({MODEL: "old", "mine.txt": "mine"}, FILES),
    "empty": ({}, FILES),
    "new": (None, FILES),
}


@pytest.fixture(params=RUNS)
def run(request, tmp_path):
    """(folder, what it holds, the files of the new run); a folder that is not there holds None."""
    before, files = RUNS[request.param]
    return tmp_path / "out", before, files


def restore(out, before):
    shutil.rmtree(out, ignore_errors=True)
    if before is not None:
        out.mkdir()
        for name, text in before.items():
            (out / name).write_text(text)


def held(out):
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file()} if out.is_dir() else None


def new(before, files):
    others = {name: text for name, text in (before or {}).items() if name not in FILES}
    return {**others, **dict.fromkeys(files, "new")}


def test_each_operation_of_a_run_that_fails(run, monkeypatch):
    out, before, files = run
    later = 0
    for at in count(1):
        restore(out, before)
        caught = None
        with faulty(monkeypatch, at, OSError(errno.ENOSPC, "No space left on device", "hidden.part")) as disk:
            try:
                folder.write(out, "a", fill("new", files), force=True)
            except OSError as error:
                caught = error
        if not disk.failed:
            break
        if caught is not None:
            assert caught.errno == errno.ENOSPC
            assert f"path {str(out)!r} cannot be " in str(caught)
            assert ".part" not in str(caught)
        said = settle(out) if out.is_dir() else None
        later += said is not None
        if caught is not None:
            assert ("what was there is unchanged" in str(caught)) == (said is None), at
        whole = caught is None or said is not None
        assert held(out) == (new(before, files) if whole else before), at
        assert names(out.parent) == ([] if held(out) is None else ["out"]), at
    assert (later > 0) == (before is not None)  # or a test says nothing of an operation that fails halfway


def test_a_kill_at_each_operation_of_a_run(run, monkeypatch):
    out, before, files = run
    found = []
    for at in count(1):
        restore(out, before)
        with faulty(monkeypatch, at, Killed()) as disk, suppress(Killed):
            folder.write(out, "a", fill("new", files), force=True)
        if not disk.failed:
            break
        there = held(out) or {}
        if MODEL in there:  # files of one run alone
            assert len({there[name] for name in FILES if name in there}) == 1, at
            assert set(there) & set(FILES) in (set(before or ()) & set(FILES), set(files)), at
        if out.is_dir():
            said = settle(out)
            found.append(said is not None)
            assert said is None or str(out) in said
        assert held(out) in (before, new(before, files)), at
        folder.write(out, "a", fill("again", files), force=True)
        assert all(held(out)[name] == "again" for name in files)
        write_whole(out.parent / "any", [])
        assert names(out.parent) == ["any", "out"], at
        assert not [name for name in names(out) if name.startswith(".")], at
    assert any(found) == (before is not None)


def test_a_run_folder_is_loaded_as_its_model_is(tmp_path):
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy").build((2,))
    (tmp_path / "run").mkdir()
    with pytest.raises(IsADirectoryError, match="run' cannot be read, it is a folder without a model"):
        xn.load(tmp_path / "run")
    model.save(tmp_path / "run" / MODEL)
    found = xn.load(tmp_path / "run", backend="numpy")
    np.testing.assert_array_equal(found.params["weight"], model.params["weight"])
    for state in (COMMITTED, CLEARED):  # as a kill leaves them
        (tmp_path / "run" / state).mkdir()
        (tmp_path / "run" / MODEL).rename(tmp_path / "run" / state / MODEL)
        with pytest.warns(RuntimeWarning, match="run: the command that replaced this run was killed") as told:
            xn.load(tmp_path / "run")
        assert told[0].filename == __file__  # at the user's line
        assert names(tmp_path / "run") == [MODEL]


def test_io_write_has_the_same_guards(tmp_path, monkeypatch):
    """The model file as such, once."""
    io.write(tmp_path / "m", {"a": np.zeros(3)}, {"n": 1})
    says = "m' cannot be written, no space left on device: what was there is unchanged"
    fault = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match=says), faulty(monkeypatch, 3, fault):
        io.write(tmp_path / "m", {"a": np.ones(3)}, {"n": 2})
    assert io.read(tmp_path / "m")[1] == {"n": 1}


def test_all_of_a_run_is_synced(run, monkeypatch):
    """Each file, the run's folder, and the folder that holds it; of a new one also the folders above."""
    out, before, files = run
    restore(out, before)
    synced = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    out = out if before is not None else out / "deep"
    folder.write(out, "a", fill("new", files), force=True)
    wanted = [out, *(out / name for name in files), *([] if before is not None else out.parents[:2])]
    assert synced >= {path.stat().st_ino for path in wanted}
