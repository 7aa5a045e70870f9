"""Files that cannot be written or read: the error's own class, the path in it, and the old file as it was."""

import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn
from xpnet import io

from .rows import X, check, each, fitted, table, wrong


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "old.xpnet"
    fitted().save(path)
    return path


@table(
    *each(lambda p: fitted().save(p), (None, 5, [], 3.5), "path: the name of a file", error=TypeError),
    *each(lambda p: fitted().save(p), ("", "a\0b"), "path", "not the name of a file"),
    *each(xn.load, (None, 5, [], 3.5), "path: the name of a file", error=TypeError),
    *each(xn.load, ("", "a\0b"), "path", "not the name of a file"),
    wrong(lambda: xn.load(fitted()), "path: the name of a file", "<Model", error=TypeError),
    wrong(lambda: xn.load("nowhere.xpnet"), "path 'nowhere.xpnet'", "no such file", error=FileNotFoundError),
    *each(xn.data.idx_folder, (None, 5), "folder: the name of a file or folder", error=TypeError),
    *each(xn.data.read_idx, (None, 5), "path: the name of a file", error=TypeError),
    wrong(lambda: xn.data.read_idx("nowhere"), "path 'nowhere'", "an IDX file", error=FileNotFoundError),
    wrong(lambda: xn.data.idx_folder("nowhere"), "folder 'nowhere' does not exist", error=FileNotFoundError),
)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


def test_a_folder_in_the_place_of_a_file(tmp_path, saved):
    shown = f"path {str(tmp_path)!r}"
    made = fitted()
    check(lambda: made.save(tmp_path), IsADirectoryError, (shown, "is a folder", "a file in it"))
    check(lambda: xn.load(tmp_path), IsADirectoryError, (shown, "cannot be read", "model.save"))
    check(lambda: xn.data.read_idx(tmp_path), IsADirectoryError, (shown, "an IDX file"))
    check(lambda: made.save(tmp_path / "no" / "m"), FileNotFoundError, ("'", "does not exist", "create it"))
    check(lambda: made.save(saved / "m"), FileNotFoundError, (str(saved), "does not exist"))
    check(lambda: xn.load(saved / "m"), NotADirectoryError, (str(saved / "m"), "cannot be read"))
    long = tmp_path / ("m" * 300)
    check(lambda: made.save(long), OSError, (str(long), "cannot be written", "too long"))
    assert os.listdir(tmp_path) == ["old.xpnet"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_device_is_never_replaced(tmp_path):
    """As root, the rename that puts a model in place would make a file of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check(lambda: fitted().save(pipe), OSError, (str(pipe), "a device or a pipe", "a file's name"))
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EACCES, PermissionError), (errno.EROFS, OSError), (errno.ENOSPC, OSError), (errno.EIO, OSError)],
    ids=errno.errorcode.get,
)
def test_an_error_of_the_system_keeps_its_errno(number, kind, saved, monkeypatch):
    """Root may write everywhere, and no test fills a disk: the first call that could fail does."""
    before, made = saved.read_bytes(), fitted()

    def refuse(self, *args, **options):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    wanted = (f"path {str(saved)!r} cannot be written", os.strerror(number).lower(), "is unchanged")
    check(lambda: made.save(saved), kind, wanted)
    with pytest.raises(OSError, match="cannot be written") as caught:
        made.save(saved)
    assert caught.value.errno == number
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_a_disk_that_is_full_while_writing(saved, monkeypatch):
    before, made, path_open = saved.read_bytes(), fitted(), Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode="r": path_open(Path("/dev/full"), "wb"))
    check(
        lambda: made.save(saved),
        OSError,
        (str(saved), "cannot be written", "no space left", "make room here"),
    )
    monkeypatch.undo()
    assert saved.read_bytes() == before


LIMITED = """
import resource, signal, sys
import xpnet as xn
model = xn.load(sys.argv[1], backend="numpy")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
try:
    model.save(sys.argv[1])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes here")
def test_a_limit_on_the_size_of_files_leaves_the_old_one(saved):
    before = saved.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(saved)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith(f"path {str(saved)!r} cannot be written, file too large: what was there")
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def version_2(content):
    """The same model as another version of the format would call itself, its checksum right."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"].update(format="xpnet 2")
    header["__metadata__"].pop("sha256")
    data = content[8 + length :]
    header["__metadata__"]["sha256"] = io.files._digest(header, [data])
    text = io.files._canonical(header)
    return len(text).to_bytes(8, "little") + text + data


def numpys(save):
    def made(content):
        from io import BytesIO

        file = BytesIO()
        save(file, X)
        return file.getvalue()

    return made


@pytest.mark.parametrize(
    ("change", "fragments"),
    {
        "empty": (lambda c: b"", ("not a model file", "another copy")),
        "text": (lambda c: b"hello world, this is no model at all", ("not a model file",)),
        "cut in the header": (lambda c: c[:200], ("only the beginning of one", "another copy")),
        "cut in the data": (lambda c: c[:-7], ("checksum does not fit", "another copy")),
        "a flipped bit": (lambda c: c[:-1] + bytes([c[-1] ^ 1]), ("damaged", "another copy")),
        "longer": (lambda c: c + b"\0", ("checksum", "another copy")),
        "another version": (
            version_2,
            ("format is 'xpnet 2'", "reads 'xpnet 1'", "the version that wrote it"),
        ),
        "numpy.save": (numpys(np.save), ("numpy.save wrote", "not an xpnet model")),
        "numpy.savez": (numpys(np.savez), ("zip archive", "numpy.savez", "model.save")),
        "pickle": (lambda c: pickle.dumps(X), ("a pickle", "not an xpnet model")),
        "HDF5": (lambda c: b"\x89HDF\r\n\x1a\n" + c, ("HDF5", "Keras")),
        "safetensors": (lambda c: (2).to_bytes(8, "little") + b"{}", ("another library's safetensors",)),
    }.values(),
    ids=lambda x: "",
)
def test_a_file_that_is_no_model(change, fragments, saved):
    saved.write_bytes(change(saved.read_bytes()))
    check(lambda: xn.load(saved), xn.ModelFileError, (str(saved), *fragments))


@pytest.mark.parametrize(
    ("options", "error", "fragments"),
    [
        ({"backend": "nunpy"}, ValueError, ("backend 'nunpy'", "did you mean 'numpy'")),
        ({"backend": 5}, ValueError, ("backend 5", "known are")),
        ({"device": "gpu"}, xn.BackendError, ("device 'gpu'", "'cpu'")),
        ({"custom": 5}, TypeError, ("custom: a list of classes", "5 came")),
        ({"custom": None}, TypeError, ("custom: a list of classes", "None came")),
        ({"custom": xn.Dense}, TypeError, ("custom: a list of classes", "class Dense came")),
        ({"custom": [xn.Dense(3)]}, TypeError, ("custom: a list of classes", "[Dense(3)] came")),
    ],
    ids=str,
)
def test_invalid_options_of_load(options, error, fragments, saved):
    check(lambda: xn.load(saved, **options), error, fragments)
