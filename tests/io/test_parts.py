"""Parts of killed processes are swept and others stay; owner, group, mode and name of a file are kept."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import xpnet as xn
from xpnet.io import parts
from xpnet.io.whole import write_whole

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and modes are POSIX's")


def names(place):
    return sorted(path.name for path in place.iterdir())


@pytest.fixture
def old(tmp_path):
    write_whole(tmp_path / "m", [b"old"])
    return tmp_path / "m"


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
