"""Files and run folders are whole whatever fails and wherever a kill comes, and nothing is left behind for good."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn
from xpnet import io
from xpnet.io import parts
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
            assert ("what was there is as it was" in str(caught)) == (said is None), at
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


def test_a_part_of_a_living_process_stays(tmp_path):
    code = (
        "import sys, pathlib\nfrom xpnet.io.parts import part_of\n"
        "with part_of(pathlib.Path(sys.argv[1])) as part: print(part, flush=True); sys.stdin.read()"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "m")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        part = Path(other.stdout.readline().rstrip())
        write_whole(tmp_path / "mine", [b"1"])
        assert part.exists()
        os.utime(part, (0, 0))
        write_whole(tmp_path / "mine", [b"2"])
        assert part.exists()  # it is locked, however old it is
        other.kill()
        other.wait()
        assert part.exists()
        write_whole(tmp_path / "mine", [b"3"])
    assert names(tmp_path) == ["mine"]


@pytest.mark.parametrize("folders", [False, True])
@pytest.mark.parametrize("reason", ["another computer", "version 0.1", "no locks", "locks that are refused"])
def test_a_part_that_no_lock_tells_of_is_left_for_a_day(tmp_path, reason, folders, monkeypatch):
    host = {"another computer": "0123abcd-", "version 0.1": ""}.get(reason, f"{parts._host()}-")
    part = tmp_path / f".m.{host}0123456789ab.part"
    part.mkdir() if folders else part.touch()
    if reason == "no locks":
        monkeypatch.setattr(parts, "fcntl", None)
    if reason == "locks that are refused":
        monkeypatch.setattr(parts.fcntl, "flock", refused)
    write_whole(tmp_path / "mine", [b"1"])
    assert part.exists()
    os.utime(part, (time.time() - 90_000,) * 2)
    write_whole(tmp_path / "mine", [b"2"])
    assert names(tmp_path) == ["mine"]


def refused(descriptor, operation):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def test_files_of_others_are_not_swept(tmp_path):
    others = [".m.part", "m.0123abcd-0123456789ab.part", ".m.0123456789ab.parts", ".m.xyz.part", "a.part"]
    for name in others:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "real").mkdir()
    (tmp_path / ".l.0123abcd-0123456789ab.part").symlink_to("real")
    os.utime(tmp_path / "real", (0, 0))
    write_whole(tmp_path / "mine", [b"1"])
    assert names(tmp_path) == sorted([*others, "mine", "real", ".l.0123abcd-0123456789ab.part"])


def test_the_longest_name_can_be_saved(tmp_path):
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy").build((2,))
    for name in ("m" * 255, "ü" * 127):
        model.save(tmp_path / name)
        assert xn.load(tmp_path / name).input_shape == (2,)
    assert len(names(tmp_path)) == 2


def test_owner_group_and_mode_stay(old, monkeypatch):
    """Root keeps all of them; another user is refused the owner, and may keep the group."""
    real, asked = old.resolve().stat(), []

    def chown(path, owner, group):
        asked.append((owner, group))
        if owner != -1:
            raise PermissionError(errno.EPERM, "not permitted")

    old.chmod(0o640)
    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(Path, "stat", lambda self, **more: changed_owner(os.stat(self, **more), self, old))
    write_whole(old, [b"new"])
    monkeypatch.undo()
    assert asked == [(real.st_uid + 1, real.st_gid + 1), (-1, real.st_gid + 1)]
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def changed_owner(found, path, old):
    """The status of the old file as if another user's."""
    if path.name.endswith(".part") or not stat.S_ISREG(found.st_mode):
        return found
    return os.stat_result((*found[:4], found.st_uid + 1, found.st_gid + 1, *found[6:10]))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone may give a file away")
def test_a_save_by_root_leaves_a_users_file_to_him(old):
    os.chown(old, 12345, 23456)
    write_whole(old, [b"new"])
    assert (old.stat().st_uid, old.stat().st_gid) == (12345, 23456)


def test_a_private_file_is_private_while_it_is_written(old, monkeypatch):
    old.chmod(0o600)
    modes = []

    def parts_of_file():
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in old.parent.glob(".*.part"))
        yield b"new"

    write_whole(old, parts_of_file())
    assert modes == [0o600]


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
        with pytest.warns(RuntimeWarning, match="run: the command that replaced this run was killed"):
            xn.load(tmp_path / "run")
        assert names(tmp_path / "run") == [MODEL]


def test_io_write_has_the_same_guards(tmp_path, monkeypatch):
    """The model file as such, once."""
    io.write(tmp_path / "m", {"a": np.zeros(3)}, {"n": 1})
    says = "m' cannot be written, no space left on device: what was there is as it was"
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
