"""The file format: what is written comes back, is real safetensors, and replaces a file whole or not at all."""

import builtins
import errno
import json
import os
import stat

import numpy as np
import pytest

from xpnet import io

DTYPES = {"F64": "f8", "F32": "f4", "I64": "i8", "I32": "i4", "U8": "u1", "BOOL": "?"}
SHAPES = ((), (1,), (7,), (3, 5), (2, 3, 4), (0,), (2, 0, 3), (1, 1, 1, 1))


def some(shape, dtype):
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_every_dtype_and_shape_comes_back(tmp_path, dtype):
    arrays = {f"a/{shape}": some(shape, dtype) for shape in SHAPES}
    io.write(tmp_path / "m", arrays, {"n": 1})
    back, config = io.read(tmp_path / "m")
    assert config == {"n": 1}
    assert set(back) == set(arrays)
    assert all(same(back[name], array) for name, array in arrays.items())


def test_special_values_come_back(tmp_path):
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, np.finfo("f8").max])
    io.write(tmp_path / "m", {"a": values}, {})
    assert io.read(tmp_path / "m")[0]["a"].tobytes() == values.tobytes()


@pytest.mark.parametrize("made", [
    lambda a: a.astype(">f4"),
    lambda a: a.T,
    lambda a: a[::-1, ::-2],
    lambda a: np.asfortranarray(a),
    lambda a: np.broadcast_to(a[0], (3, 6)),
])  # fmt: skip
def test_arrays_in_any_order_come_back_native_and_contiguous(tmp_path, made):
    array = made(np.arange(24, dtype="f4").reshape(4, 6))
    io.write(tmp_path / "m", {"a": array}, {})
    back = io.read(tmp_path / "m")[0]["a"]
    np.testing.assert_array_equal(back, array)
    assert back.dtype.isnative
    assert back.flags.c_contiguous
    assert back.flags.writeable


def test_a_config_comes_back(tmp_path):
    config = {"text": 'ü " \\ \n \u2028 𝄞', "none": None, "nested": [[1, 2.5, True], {"a": []}], "big": 2**80}
    io.write(tmp_path / "m", {}, config)
    assert io.read(tmp_path / "m") == ({}, config)


def test_it_is_safetensors(tmp_path):
    arrays = {
        "b.weight": np.arange(6, dtype="f4").reshape(2, 3),
        "a": np.array([1, -2], "i8"),
        "c": np.array(True),
    }
    io.write(tmp_path / "m", arrays, {"n": 1})
    content = (tmp_path / "m").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    assert content[8:9] == b"{"
    assert length % 8 == 0  # the data is aligned for every dtype
    assert all(type(value) is str for value in header.pop("__metadata__").values())
    spans = sorted(entry["data_offsets"] for entry in header.values())
    assert [start for start, _ in spans] == [0, *(stop for _, stop in spans[:-1])]  # no holes, no overlaps
    assert spans[-1][1] == len(data)
    for name, array in arrays.items():
        entry = header[name]
        start, stop = entry["data_offsets"]
        found = np.frombuffer(data[start:stop], "<" + DTYPES[entry["dtype"]]).reshape(entry["shape"])
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


def test_the_safetensors_package_reads_it(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "e": np.zeros((0, 2))}
    io.write(tmp_path / "m", arrays, {"n": 1})
    found = package.load_file(tmp_path / "m")
    assert set(found) == set(arrays)
    assert all(same(found[name], array) for name, array in arrays.items())


def test_the_same_arrays_make_the_same_bytes(tmp_path):
    a, b = np.ones(3), np.zeros(2, "f4")
    io.write(tmp_path / "1", {"a": a, "b": b}, {"n": 1})
    io.write(tmp_path / "2", {"b": b, "a": a}, {"n": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("dtype", ["c16", "f2", "U3", "O", "M8[s]"])
def test_other_dtypes_are_refused_by_name(tmp_path, dtype):
    with pytest.raises(TypeError, match="array 'odd' of dtype"):
        io.write(tmp_path / "m", {"odd": np.zeros(2, dtype)}, {})
    assert list(tmp_path.iterdir()) == []


# Whole or not at all


def full_disk(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupt(*args):
    raise KeyboardInterrupt


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "m"
    io.write(path, {"a": np.zeros(3)}, {"old": True})
    return path


def unharmed(path):
    return io.read(path)[1] == {"old": True} and [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("fault", [full_disk, interrupt])
@pytest.mark.parametrize("place", ["fsync", "replace", "open"])
def test_a_failure_leaves_the_old_file_and_nothing_else(old, monkeypatch, fault, place):
    if place == "open":
        real = type(old).open
        monkeypatch.setattr(type(old), "open", lambda self, mode: Failing(real(self, mode), fault))
    else:
        monkeypatch.setattr(os, place, fault)
    with pytest.raises(OSError if fault is full_disk else KeyboardInterrupt):
        io.write(old, {"a": np.ones(10**5)}, {"old": False})
    monkeypatch.undo()
    assert unharmed(old)


class Failing:
    """A file on which only the first 1000 bytes find room."""

    def __init__(self, file, fault):
        self.file, self.fault = file, fault

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def writelines(self, parts):
        self.file.write(b"".join(parts)[:1000])
        self.file.flush()
        self.fault()

    def write(self, part):
        self.writelines([part])


def test_the_file_fails_where_the_test_says():
    with builtins.open(os.devnull, "wb") as file, pytest.raises(OSError, match="No space"):
        Failing(file, full_disk).writelines([b"x"])


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.*create it"):
        io.write(tmp_path / "none" / "m", {}, {})


def test_a_folder_in_place_of_the_file_is_an_oserror(tmp_path):
    (tmp_path / "m").mkdir()
    with pytest.raises(OSError, match="m"):
        io.write(tmp_path / "m", {}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    with pytest.raises(OSError, match="m"):
        io.read(tmp_path / "m")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_an_oserror(old):
    old.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            io.write(old, {}, {})
    finally:
        old.parent.chmod(0o700)
    assert unharmed(old)


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_old_permissions_stay(old, mode):
    old.chmod(mode)
    io.write(old, {}, {"new": True})
    assert stat.S_IMODE(old.stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="the umask is POSIX's")
def test_a_new_file_has_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        io.write(tmp_path / "m", {}, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o640


def test_a_link_stays_a_link(old, tmp_path):
    link = tmp_path / "link"
    try:
        link.symlink_to(old)
    except OSError:
        pytest.skip("this system makes no links")
    io.write(link, {}, {"new": True})
    assert link.is_symlink()
    assert io.read(old)[1] == {"new": True}


def test_relative_and_text_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    io.write("m.xpnet", {}, {"n": 1})
    assert io.read("m.xpnet") == ({}, {"n": 1})


def test_nothing_is_left_open(old):
    io.read(old)
    os.rename(old, old.with_name("moved"))  # Windows refuses while a file is open
    assert io.read(old.with_name("moved"))[1] == {"old": True}
