"""Folders of IDX files as data sets, and the search for Fashion-MNIST."""

import gzip
import re
import struct

import numpy as np
import pytest

import xpnet as xn
from xpnet.data import datasets

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES = datasets._IDX_FILES
CODES = {"uint8": 0x08, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx(shape, items, dtype="uint8"):
    """The bytes of an IDX file."""
    head = struct.pack(f">4B{len(shape)}I", 0, 0, CODES[dtype], len(shape), *shape)
    return head + np.array(items, np.dtype(dtype).newbyteorder(">")).tobytes()


def folder(path, first=1, packed=False, instead=None):
    """A folder of 3 + 2 images of 2 x 2 pixels, whose first training label tells folders apart."""
    path.mkdir(parents=True)
    content = {
        TRAIN_IMAGES: idx((3, 2, 2), [0, 51, 102, 153, 204, 255, 0, 0, 1, 2, 3, 4]),
        TRAIN_LABELS: idx((3,), [first, 0, 9]),
        TEST_IMAGES: idx((2, 2, 2), [255] * 8),
        TEST_LABELS: idx((2,), [4, 4]),
    } | (instead or {})
    for name, value in content.items():
        if packed:
            (path / f"{name}.gz").write_bytes(gzip.compress(value))
        else:
            (path / name).write_bytes(value)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_is_a_data_set(tmp_path, packed):
    data = xn.data.idx_folder(folder(tmp_path / "set", packed=packed))
    assert isinstance(data, xn.data.Dataset)
    assert [part.dtype for part in data] == ["float32", "int64"] * 2
    assert [part.shape for part in data] == [(3, 4), (3,), (2, 4), (2,)]
    wanted = np.array([0, 51, 102, 153, 204, 255, 0, 0, 1, 2, 3, 4], "float32").reshape(3, 4) / 255
    assert np.array_equal(data.x_train, wanted)
    assert data.x_train.max() == 1
    assert data.y_train.tolist() == [1, 0, 9]
    assert data.x_test.min() == 1
    assert data.y_test.tolist() == [4, 4]


def test_the_contents_decide_and_not_the_suffix(tmp_path):
    """Some browsers unpack what they download and keep its name."""
    made = folder(tmp_path / "set")
    (made / TRAIN_LABELS).write_bytes(gzip.compress((made / TRAIN_LABELS).read_bytes()))
    (made / TEST_IMAGES).rename(made / f"{TEST_IMAGES}.gz")
    assert xn.data.idx_folder(str(made)).y_train.tolist() == [1, 0, 9]


def test_labels_may_be_any_integers(tmp_path):
    y = xn.data.idx_folder(
        folder(tmp_path / "set", instead={TRAIN_LABELS: idx((3,), [-7, 70000, 2], "int32")})
    ).y_train
    assert y.dtype == "int64"
    assert y.tolist() == [-7, 70000, 2]


def test_a_folder_without_images_is_an_empty_data_set(tmp_path):
    data = xn.data.idx_folder(
        folder(tmp_path / "set", instead={TEST_IMAGES: idx((0, 2, 2), []), TEST_LABELS: idx((0,), [])})
    )
    assert (data.x_test.shape, data.y_test.shape) == ((0, 4), (0,))


@pytest.mark.parametrize(
    ("which", "content", "words"),
    [
        (TRAIN_IMAGES, idx((3,), [1, 2, 3]), "train-images .* holds uint8 (3,): images (n, rows, columns)"),
        (TEST_IMAGES, idx((2, 2, 2), [0.5] * 8, "float32"), "t10k-images .* holds float32 (2, 2, 2): images"),
        (TRAIN_LABELS, idx((3, 2, 2), [1] * 12), "train-labels .* holds uint8 (3, 2, 2): labels (n,)"),
        (TEST_LABELS, idx((2,), [1, 2], "float64"), "t10k-labels .* holds float64 (2,): labels"),
        (TRAIN_LABELS, idx((4,), [1] * 4), "holds 3 images, .* 4 labels: use a pair that fits"),
        (TEST_LABELS, idx((1,), [1]), "t10k-images .* holds 2 images, .* 1 labels"),
        (TEST_IMAGES, idx((2, 1, 4), [1] * 8), "holds images of (2, 2) pixels, .* of (1, 4): both must be"),
        (TRAIN_IMAGES, idx((3, 2, 2), [1] * 11), "train-images .* cut short"),
    ],
    ids=lambda value: value if isinstance(value, str) else len(value),
)
def test_files_that_do_not_fit_are_refused(tmp_path, which, content, words):
    made = folder(tmp_path / "set", instead={which: content})
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words.split(" .* ")))) as caught:
        xn.data.idx_folder(made)
    assert str(made) in str(caught.value)


def test_a_folder_that_lacks_files_is_an_error_that_names_them(tmp_path):
    made = folder(tmp_path / "set")
    (made / TEST_IMAGES).unlink()
    with pytest.raises(FileNotFoundError, match=f"{re.escape(repr(str(made)))} lacks {TEST_IMAGES}: put"):
        xn.data.idx_folder(made)
    with pytest.raises(FileNotFoundError, match=f"no such' does not exist; wanted .* {', '.join(NAMES)}"):
        xn.data.idx_folder(tmp_path / "no such")


# Where Fashion-MNIST is looked for


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An XPNET_DATA and a Debian that are empty so far."""
    monkeypatch.setenv("XPNET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(datasets, "_DEBIAN", str(tmp_path / "debian"))
    return tmp_path


def first_label(*given):
    return int(xn.data.fashion_mnist(*given).y_train[0])


def test_the_order_of_the_places(places):
    folder(places / "debian", 3, packed=True)
    assert first_label() == 3  # XPNET_DATA holds other data only
    folder(places / "data", 2)
    assert first_label() == 2
    folder(places / "data/fashion-mnist", 5, packed=True)
    assert first_label() == 5  # what lies beside it may be MNIST, whose files have the same names
    folder(places / "mine", 7)
    assert first_label(places / "mine") == 7
    assert first_label(str(places / "mine")) == 7


@pytest.mark.parametrize(
    "unset", [lambda patch: patch.delenv("XPNET_DATA"), lambda patch: patch.setenv("XPNET_DATA", "")]
)
def test_without_the_variable_the_package_is_read(places, monkeypatch, unset):
    folder(places / "debian", 3)
    folder(places / "fashion-mnist", 4)
    monkeypatch.chdir(places)  # an empty variable is not the current folder
    unset(monkeypatch)
    assert first_label() == 3


def test_a_folder_that_is_given_is_the_only_place(places):
    folder(places / "debian")
    (places / "mine").mkdir()
    with pytest.raises(FileNotFoundError, match=f"{re.escape(repr(str(places / 'mine')))} lacks {NAMES[0]}"):
        xn.data.fashion_mnist(places / "mine")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        xn.data.fashion_mnist(places / "no such")


def test_an_incomplete_folder_is_not_passed_over(places):
    folder(places / "debian")
    (folder(places / "data") / TRAIN_LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"data' lacks {TRAIN_LABELS}: put"):
        xn.data.fashion_mnist()


def test_missing_files_are_an_error_that_lists_the_folders(places, monkeypatch):
    data, debian = places / "data", places / "debian"
    where = re.escape(
        f"in none of {data / 'fashion-mnist'}, {data}, {debian}: `apt install dataset-fashion-mnist`"
    )
    with pytest.raises(FileNotFoundError, match=f"{where}, or put .*{TEST_LABELS}.* set XPNET_DATA to it$"):
        xn.data.fashion_mnist()
    monkeypatch.delenv("XPNET_DATA")
    with pytest.raises(FileNotFoundError, match=f"none of {re.escape(str(debian))}: .*which is not set$"):
        xn.data.fashion_mnist()


def test_fashion_mnist_has_the_published_figures():
    try:
        x_train, y_train, x_test, y_test = xn.data.fashion_mnist()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert (x_train.shape, x_test.shape) == ((60000, 784), (10000, 784))
    assert (x_train.dtype, y_train.dtype) == ("float32", "int64")
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert xn.data.FASHION_MNIST_LABELS[y_train[0]] == "Ankle boot"
    assert len(xn.data.FASHION_MNIST_LABELS) == 10
    assert (x_train.min(), x_train.max()) == (0, 1)
    assert x_train.mean(dtype="float64") == pytest.approx(0.2860, abs=5e-5)
    assert x_train.std(dtype="float64") == pytest.approx(0.3530, abs=5e-5)


def test_iris_has_the_published_figures():
    """Means and deviations as Fisher's paper has them, of all 150."""
    x_train, y_train, x_test, y_test = xn.data.iris()
    assert (x_train.shape, x_test.shape) == ((120, 4), (30, 4))
    assert (np.bincount(y_train).tolist(), np.bincount(y_test).tolist()) == ([40] * 3, [10] * 3)
    x, y = np.concatenate([x_train, x_test]).astype("float64"), np.concatenate([y_train, y_test])
    np.testing.assert_allclose(x[y == 0].mean(axis=0), [5.006, 3.428, 1.462, 0.246], atol=1e-6)
    np.testing.assert_allclose(x[y == 1].mean(axis=0), [5.936, 2.770, 4.260, 1.326], atol=1e-6)
    np.testing.assert_allclose(x[y == 2].mean(axis=0), [6.588, 2.974, 5.552, 2.026], atol=1e-6)


@pytest.mark.parametrize("name", ["clothing", "digits", "iris"])
def test_bundled_data_sets(name):
    data = xn.data.DATASETS[name]()
    assert [part.dtype for part in data] == ["float32", "int64"] * 2
    assert len(data.x_train) == len(data.y_train) > 2 * len(data.x_test)
    assert set(data.y_test) == set(data.y_train)
