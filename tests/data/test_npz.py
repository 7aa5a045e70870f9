"""Archives of arrays: the names they may have, and what is refused."""

import pickle
import re

import numpy as np
import pytest

import xpnet as xn

X, Y = np.arange(6.0).reshape(3, 2), np.array(["a", "b", "a"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train", "x_test", "y_test")])
def test_arrays_come_back(tmp_path, save, names):
    arrays = {name: X + number if name[0] == "x" else Y for number, name in enumerate(names)}
    save(tmp_path / "a.npz", other=np.ones(5), **arrays)
    found = xn.data.read_npz(tmp_path / "a.npz")
    assert len(found) == len(names)
    for name, array in zip(names, found, strict=True):
        np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize("name", ["x", "x_test"])
def test_inputs_alone(tmp_path, name):
    np.savez(tmp_path / "a.npz", **{name: X, "y": Y[:1]})
    (found,) = xn.data.read_npz(tmp_path / "a.npz", targets=False)
    np.testing.assert_array_equal(found, X)
    np.savez(tmp_path / "a.npz", y=Y)
    with pytest.raises(ValueError, match="the file holds 'y', wanted were the arrays x or x_test"):
        xn.data.read_npz(tmp_path / "a.npz", targets=False)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"images": X, "labels": Y},
            "the file holds 'images', 'labels', wanted were the arrays x, y or x_train",
        ),
        ({"x": X, "y_train": Y}, "the file holds 'x', 'y_train', wanted"),
        ({}, "the file holds nothing, wanted"),
        ({"x": X, "y": Y[:2]}, "x (3, 2) and its targets (2,) must have the same length"),
        ({"x": X, "y": np.array(3)}, "must have the same length"),
        ({"x": X, "y": np.array([print, None, 1], object)}, "allow_pickle"),
    ],
)
def test_archives_that_do_not_fit_are_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        xn.data.read_npz(tmp_path / "a.npz")
    assert str(caught.value).startswith(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    "content", [b"", b"text", pickle.dumps([1]), b"PK\x05\x06" + bytes(18), b"PK\x03\x04" * 9]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: "):
        xn.data.read_npz(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError):
        xn.data.read_npz(tmp_path / "none.npz")


def test_a_damaged_archive_is_a_value_error(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=X, y=Y)
    whole = (tmp_path / "a.npz").read_bytes()
    wrong = 0
    for place in range(len(whole)):
        (tmp_path / "a.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            xn.data.read_npz(tmp_path / "a.npz")
        except ValueError:
            wrong += 1
    assert wrong > len(whole) / 4
