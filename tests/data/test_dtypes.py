"""Every dtype in every place, against the table of docs/backends.md, and the names of dtypes."""

import re
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn
from xpnet.dtypes import dtype_name

NUMBERS, TEXTS = [0, 1, 1, 0], ["a", "b", "b", "a"]
X = np.arange(8, dtype="float32").reshape(4, 2) / 8

PAGE = (Path(__file__).parents[2] / "docs" / "backends.md").read_text(encoding="utf-8")
LINES = re.findall(
    r"^\| .* \|$", PAGE.partition("## Which dtypes are taken")[2].partition("\n- ")[0], re.MULTILINE
)
PLACES, *ROWS = ([cell.strip() for cell in line.strip("|").split("|")] for line in LINES)
WANTED = {
    dtype: dict(zip(PLACES[1:], cells, strict=True))
    for names, *cells in ROWS
    for dtype in re.findall("`(.+?)`", names)
}


def array_of(dtype):
    """[0, 1, 1, 0], or two labels in that order, of a dtype of the table."""
    if dtype.startswith("objects: "):
        kinds = {
            "numbers": [0, 1.0, np.int8(1), 0],
            "booleans": [False, True, True, False],
            "text": TEXTS,
            "with None": [0, None, None, 0],
            "mixed": [0, "a", "a", 0],
        }
        return np.array(kinds[dtype.removeprefix("objects: ")], object)
    if dtype in ("str", "StringDType"):
        return np.array(TEXTS, np.dtypes.StringDType() if dtype == "StringDType" else None)
    if dtype == "structured":
        return np.array([(n,) for n in NUMBERS], [("n", "i4")])
    if dtype in ("bfloat16", "float8_e5m2", "int4"):
        added = pytest.importorskip("ml_dtypes", reason="ml_dtypes, which comes with JAX, is not installed")
        return np.array(NUMBERS).astype(getattr(added, dtype))
    return np.array(NUMBERS).astype(dtype)


def trained(backend, layer, loss, x, y, **options):
    model = xn.Model(layer, loss=loss, optimizer="sgd", seed=0, backend=backend)
    model.fit(x, y, epochs=1, **options)
    return [p.tolist() for p in map(backend.to_numpy, model.params.values())]


def placed(backend, a):
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend=backend).build((4,))
    model.params = {**model.params, "weight": a[:, None]}
    return backend.to_numpy(model.params["weight"]).tolist()


LOOKUP = xn.Sequential(xn.Embedding(2, 3), xn.Flatten(), xn.Dense(2))
USES = {
    "x": lambda backend, a: trained(backend, xn.Dense(2), "softmax_cross_entropy", a[:, None], NUMBERS),
    "ids": lambda backend, a: trained(backend, LOOKUP, "softmax_cross_entropy", a[:, None], NUMBERS),
    "labels": lambda backend, a: (
        trained(backend, xn.Dense(2), "softmax_cross_entropy", X, a),
        trained(backend, xn.Dense(1), "sigmoid_cross_entropy", X, a),
    ),
    "values": lambda backend, a: trained(backend, xn.Dense(1), "mse", X, a),
    "weights": lambda backend, a: trained(
        backend, xn.Dense(2), "softmax_cross_entropy", X, NUMBERS, sample_weight=a
    ),
    "metric of labels": lambda backend, a: float(xn.metrics.accuracy(a, a)),
    "metric of scores": lambda backend, a: float(xn.metrics.roc_auc(backend.asarray(NUMBERS), a)),
    "parameters": placed,
}


def test_the_table_has_every_place():
    assert PLACES[1:] == list(USES)
    assert len(WANTED) == 30


@pytest.mark.sample(1, by=("dtype", "numpy"))
@pytest.mark.parametrize("dtype", WANTED)
def test_a_dtype_is_taken_or_refused_as_the_table_says(dtype, backend):
    given = array_of(dtype)
    for place, wanted in WANTED[dtype].items():
        use = USES[place]
        if wanted == "yes":
            assert use(backend, given) == use(backend, np.array(NUMBERS)), place
        else:
            with pytest.raises((TypeError, ValueError)) as caught:
                use(backend, given)
            assert caught.type.__name__ == wanted, place


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_library_s_own_short_floats_count_as_their_numbers(dtype, backend):
    if not hasattr(backend.xp, dtype):
        with pytest.raises(xn.BackendError, match=f"dtype '{dtype}' is not one of backend"):
            backend.asarray(NUMBERS, dtype=dtype)
        return
    given = backend.asarray(NUMBERS, dtype=dtype)
    assert dtype_name(given.dtype) == dtype
    assert backend.to_numpy(given).tolist() == NUMBERS
    for place in ("x", "values", "metric of labels", "parameters"):
        assert USES[place](backend, given) == USES[place](backend, np.array(NUMBERS)), place


def test_a_missing_text_is_no_label():
    y = np.array(["a", None, "b"], np.dtypes.StringDType(na_object=None))
    with pytest.raises(xn.LabelError, match="y_true mixes labels of different types"):
        xn.metrics.accuracy(y, y)


def test_python_s_float_is_float64():
    assert xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", dtype=float).dtype == "float64"


def test_a_dtype_by_each_of_its_names(backend):
    for dtype in ("float32", np.float32, np.dtype(">f4"), backend.xp.float32):
        assert dtype_name(dtype) == "float32"
        assert backend.dtype(dtype) == backend.xp.float32
        assert dtype_name(backend.asarray(NUMBERS, dtype=dtype).dtype) == "float32"
        assert xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", dtype=dtype).dtype == "float32"


@pytest.mark.parametrize("dtype", [None, 5, object(), print])
def test_what_is_no_dtype(dtype):
    with pytest.raises(xn.BackendError, match="is not a dtype: give its name, such as 'float32'"):
        xn.backends.get("numpy").dtype(dtype)
    with pytest.raises(ValueError, match=r"dtype .* is unknown: known are float32, float64"):
        xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", dtype=dtype)
