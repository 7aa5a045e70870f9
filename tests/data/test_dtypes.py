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
    if dtype in ("bfloat16", "float8_e5m2", "float8_e4m3fn", "int4", "uint4"):
        added = pytest.importorskip("ml_dtypes", reason="ml_dtypes, which comes with JAX, is not installed")
        return np.array(NUMBERS).astype(getattr(added, dtype))
    return np.array(NUMBERS).astype(dtype)


def trained(backend, layer, loss, x, y, **options):
    model = xn.Model(layer, loss=loss, optimizer="sgd", seed=0, backend=backend)
    model.fit(x, y, epochs=1, **options)
    return [p.tolist() for p in map(backend.to_numpy, model.params.values())]


def weighed(backend, a):
    weight = {0: 1.0, 1: a[1]}
    return trained(backend, xn.Dense(2), "softmax_cross_entropy", X, NUMBERS, class_weight=weight)


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
    "class weights": weighed,
    "metric of labels": lambda backend, a: float(xn.metrics.accuracy(a, a)),
    "metric of scores": lambda backend, a: float(xn.metrics.roc_auc(backend.asarray(NUMBERS), a)),
    "parameters": placed,
    "asarray": lambda backend, a: backend.to_numpy(backend.asarray(a)).tolist(),
}


def lacks(backend, dtype):
    """True for a dtype of the table that the library does not have, which `asarray` refuses."""
    double = dtype in ("float64", "longdouble", ">f8") and not backend.capabilities.float64
    return double or (dtype in ("float16", ">f2") and not hasattr(backend.xp, "float16"))


plain: dict = {}
"""The result of an int64 array, by backend and place."""


def of_plain_numbers(backend, place):
    key = str(backend), place
    if key not in plain:
        plain[key] = USES[place](backend, np.array(NUMBERS))
    return plain[key]


def test_the_table_has_every_place():
    assert PLACES[1:] == list(USES)
    assert len(WANTED) == 36


@pytest.mark.sample(1, by=("dtype", "numpy"))
@pytest.mark.parametrize("dtype", WANTED)
def test_a_dtype_is_taken_or_refused_as_the_table_says(dtype, backend):
    given, lacking = array_of(dtype), lacks(backend, dtype)
    for place, wanted in WANTED[dtype].items():
        use = USES[place]
        if place == "asarray" and lacking:
            wanted = "BackendError"
        if wanted == "yes":
            like = of_plain_numbers(backend, place)
            assert use(backend, given) == like, place
            if backend.xp is not np and WANTED[dtype]["asarray"] == "yes" and not lacking:
                assert use(backend, backend.asarray(given)) == like, (place, "of the library's own")
        else:
            with pytest.raises((TypeError, ValueError, xn.BackendError)) as caught:
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
        assert USES[place](backend, given) == of_plain_numbers(backend, place), place


def test_a_class_weight_under_a_tensor_s_label_counts(backend):
    label = backend.asarray(np.asarray(1))
    try:
        hash(label)
    except TypeError:  # no key of a dict
        label = np.int64(1)
    found = [
        trained(backend, xn.Dense(2), "softmax_cross_entropy", X, NUMBERS, class_weight={0: 1.0, one: 3.0})
        for one in (1, label)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8"])
def test_predict_returns_classes_that_the_dtype_of_y_lacks(dtype):
    model = xn.Model(xn.Dense(5000), loss="softmax_cross_entropy", optimizer="sgd")
    model.fit(X, np.array(NUMBERS, dtype), epochs=1)
    model.params = {**model.params, "bias": np.where(np.arange(5000) == 4097, 1e3, 0.0)}
    assert model.predict(X).tolist() == [4097] * 4


@pytest.mark.parametrize("labels", [[-1, 1, 1, -1], TEXTS])
def test_labels_come_back_in_the_machine_s_order_of_bytes(labels):
    y = np.array(labels)
    model = xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="sgd")
    model.fit(X, y.astype(y.dtype.newbyteorder(">")), epochs=1)
    assert model.predict(X).dtype == y.dtype
    assert model.predict(X).dtype.isnative


def test_long_doubles_count_as_float64():
    huge = np.array([np.finfo("float64").max] * 4, "longdouble") * 16
    if np.isinf(huge).all():
        pytest.skip("long doubles are float64 on this machine")
    for use in (xn.metrics.mse, xn.metrics.r2):
        with pytest.raises(ValueError, match="y_true holds inf at row 0, as float64"):
            use(huge, np.ones(4))
    assert repr(xn.adam(np.longdouble("0.5"))) == repr(xn.adam(0.5))
    y = np.array(NUMBERS, "longdouble")
    model = xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer="sgd")
    model.fit(X, y, epochs=1)
    assert model.predict(X).dtype == "float64"


def test_the_error_for_an_immense_label_is_one_line():
    with pytest.raises(
        xn.LabelError, match=r"y holds label 1e\+300 at row 0, the network has 2 outputs"
    ) as caught:
        trained("numpy", xn.Dense(2), "softmax_cross_entropy", X, np.array([1e300, 0, 1, 0]))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "Float32", "boolean", "string", "category"])
def test_nullable_columns_of_pandas(dtype):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    texts = dtype in ("string", "category")
    held = TEXTS if texts else NUMBERS
    column, gaps = (
        pandas.Series(held, dtype=dtype),
        pandas.Series([held[0], held[1], None, held[0]], dtype=dtype),
    )
    backend = xn.backends.get("numpy")
    for place in ("labels",) if texts else ("labels", "values", "weights"):
        assert USES[place](backend, column) == of_plain_numbers(backend, place)
        with pytest.raises((TypeError, ValueError), match=r"y |sample_weight "):
            USES[place](backend, gaps)
    assert xn.metrics.accuracy(column, column) == 1
    with pytest.raises((TypeError, ValueError), match="y_true "):
        xn.metrics.accuracy(gaps, gaps)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2"])
def test_differences_of_ml_dtypes_are_those_of_float32(dtype):
    x = array_of(dtype)
    for find in (
        lambda x: xn.derivative(lambda x: x * x, x),
        lambda x: xn.numerical_gradient(sum_of_squares, x),
    ):
        assert find(x).dtype == "float32"
        assert find(x).tolist() == find(x.astype("float32")).tolist()


def sum_of_squares(x):
    return (x * x).sum()


def test_bfloat16_from_a_file_is_to_be_named(tmp_path):
    np.save(tmp_path / "x.npy", array_of("bfloat16")[:, None])
    x = np.load(tmp_path / "x.npy")
    with pytest.raises(TypeError, match=r"x must hold .* first, x\.view\(ml_dtypes\.bfloat16\) if it is"):
        USES["x"]("numpy", x)


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
