"""Errors about x: its type, its dtype, its shape and its values."""

from fractions import Fraction

import numpy as np
import pytest

import xpnet as xn

from .rows import INF, NAN, X, Y, built, check, fit, fitted, model, table, with_value, wrong


def no_numbers(x, *fragments):
    return [
        wrong(
            lambda call=call: call(x),
            "x must hold real numbers",
            *fragments,
            error=TypeError,
            name=f"{name} {fragments}",
        )
        for name, call in (("fit", fit), ("predict", lambda x: fitted().predict(x)))
    ]


def objects(item):
    x = X.astype(object)
    x[5, 1] = item
    return x


KINDS = [
    *no_numbers(None, "holds None", "an array of numbers"),
    *no_numbers({"a": 1}, "one object, a dict", "one row per sample"),
    *no_numbers({1, 2}, "one object, a set"),
    *no_numbers(iter(X), "one object, a iterator"),
    *no_numbers("words", "text", "into numbers"),
    *no_numbers(objects("abc"), "objects, such as 'abc' at row 5, column 1", "remove or replace"),
    *no_numbers(objects(None), "objects, such as None at row 5, column 1"),
    *no_numbers(objects(Fraction(1, 2)), "Fraction(1, 2) at row 5, column 1"),
    *no_numbers(X.astype(object), "objects", "numpy.asarray(x, dtype='float32')"),
    *no_numbers([[1, 2, "a"]] * 12, "objects, such as 'a' at row 0, column 2"),
    *no_numbers([[1, 2, 2**70]] * 12, "objects", "numpy.asarray(x"),
    *no_numbers(X.astype(complex), "complex numbers", "x.real"),
    *no_numbers(X.astype(str), "text", "into numbers"),
    *no_numbers(X.astype("S"), "bytes", "into numbers"),
    *no_numbers(X.astype("M8[s]"), "datetime64[s]", "into numbers"),
    *no_numbers(X.astype("m8[s]"), "timedelta64[s]", "into numbers"),
    *no_numbers(np.zeros((12, 3), "V8"), "|V8", "into numbers"),
    wrong(lambda: fit(np.ma.array(X, mask=X > 0)), "x is a masked array", "x.filled", error=TypeError),
]

SHAPES = [
    wrong(lambda: fit([[1, 2, 3], [4, 5]]), "x is ragged", "same length"),
    wrong(lambda: fitted().predict([[1, 2, 3], [4]]), "x is ragged", "same length", name="ragged predict"),
    wrong(lambda: fit(3.0), "x is a single number", "batch of samples"),
    wrong(
        lambda: built(xn.Embedding(5, 4), shape=()).predict(np.asarray(3)),
        "x is a single number",
        "batch of samples",
        name="one id",
    ),
    wrong(lambda: fit(X[:, 0]), "Dense(4)", "(n,)", "reshape to (n, 1)"),
    wrong(lambda: fit([]), "x (0,) holds no samples", "at least one"),
    wrong(lambda: fit(X[:0], Y[:0]), "x (0, 3) holds no samples", "at least one"),
    wrong(lambda: fit(X[:0], Y[:0], of=fitted()), "x holds no samples", "at least one"),
    wrong(lambda: fit(X[:, :0]), "x (12, 0) holds no features", "at least one"),
    wrong(lambda: fit(X[:, :2], of=fitted()), "x (12, 2)", "takes (n, 3)", "another model"),
    wrong(lambda: fit(X[:, :, None], of=fitted()), "x (12, 3, 1)", "takes (n, 3)", "x.reshape(-1, 3)"),
    wrong(lambda: fitted().predict(X[0]), "x (3,)", "takes (n, 3)", "batch axis", "x[None]"),
    wrong(lambda: fitted().predict(X.T), "x (3, 12)", "takes (n, 3)", "transpose it, x.T"),
    wrong(lambda: fitted().forward(X[None]), "x (1, 12, 3)", "takes (n, 3)"),
    wrong(lambda: fitted().evaluate(X[:, 1:], Y), "x (12, 2)", "takes (n, 3)", name="evaluate"),
    wrong(lambda: fitted().partial_fit(X[:, 1:], Y), "x (12, 2)", "takes (n, 3)", name="partial_fit"),
    wrong(lambda: model().partial_fit(X[0], 1), "Dense(4)", "(n,)", name="one sample, unbuilt"),
    wrong(lambda: model(xn.Residual(xn.Dense(5))).build((3,)), "Residual", "(n, 3)", "(n, 5)", "the same"),
    wrong(lambda: model(xn.Concatenate()).build((3,)), "Concatenate", "at least one"),
    wrong(
        lambda: model(xn.Concatenate(xn.Dense(3), xn.Flatten())).build((3, 4)),
        "Concatenate joins the last axis",
        "(3, 3), (12,)",
    ),
    wrong(
        lambda: model(xn.Sequential(xn.Dense(2**50))).build((3,)),
        f"Dense({2**50})",
        "(n, 3)",
        error=MemoryError,
    ),
    wrong(
        lambda: built(xn.Sequential(xn.Dense(2**62))), f"Dense({2**62})", "make it smaller", error=MemoryError
    ),
    wrong(lambda: built(xn.Sequential(("m", xn.Masking()))), "layer 'm', Masking()", "these are (n, 3)"),
    wrong(
        lambda: built(xn.Concatenate(xn.Embedding(5, 3), xn.Dense(3))),
        "Concatenate(Embedding(5, 3), Dense(3))",
        "some take integer ids, some numbers",
    ),
    wrong(
        lambda: fit(of=model(xn.Sequential(xn.Dense(4), xn.Embedding(5, 3), xn.Flatten(), xn.Dense(3)))),
        "Embedding(5, 3) takes integer ids, float32 came",
        "the first layer",
        error=TypeError,
        trains=True,
    ),
    wrong(lambda: model(xn.BatchNorm()).build(()), "BatchNorm takes inputs", "(n,)", "reshape"),
    wrong(
        lambda: fit(of=model(xn.Sequential(xn.BatchNorm(), xn.Dense(3))), batch_size=11),
        "at least 2",
        "batch_size",
        trains=True,
    ),
    wrong(
        lambda: fit(of=model(xn.Sequential())),
        "network Sequential()",
        "no parameters",
        "such as xn.Dense(10)",
    ),
    wrong(lambda: built(xn.ReLU()).partial_fit(X, Y), "network ReLU()", "nothing to learn"),
]

VALUES = [
    wrong(lambda: fit(with_value(NAN)), "x holds nan at row 4, column 2", "1 such", "remove"),
    wrong(lambda: fit(with_value(-INF)), "x holds -inf at row 4, column 2"),
    wrong(lambda: fit(with_value(1e300)), "x holds inf at row 4, column 2", "float32", "rescale"),
    wrong(lambda: fit(np.stack([X, with_value(NAN)], 2)), "x holds nan at row 4, column 2, column 1"),
    wrong(lambda: fit((X * NAN).tolist()), "x holds nan at row 0, column 0", "36 such"),
    wrong(lambda: fitted().predict(with_value(NAN)), "x holds nan at row 4, column 2", name="predict nan"),
    wrong(lambda: fitted().evaluate(with_value(INF), Y), "x holds inf at row 4", name="evaluate inf"),
    wrong(lambda: fitted().partial_fit(with_value(NAN), Y), "x holds nan at row 4", name="partial_fit nan"),
]


@table(*KINDS, *SHAPES, *VALUES)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


def test_a_sparse_matrix_is_told_how_to_become_dense():
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    check(lambda: fit(sparse.csr_matrix(X)), TypeError, ("one object, a csr_matrix", "x.toarray()"))


def test_a_table_of_pandas_is_told_which_column():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X).assign(city="Bonn")
    check(lambda: fit(frame), TypeError, ("objects, such as 'Bonn' at row 0, column 3",))


ALIKE = {
    "read-only": lambda x: np.lib.stride_tricks.as_strided(x, writeable=False),
    "Fortran's order": np.asfortranarray,
    "negative strides": lambda x: x[::-1].copy()[::-1],
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "a list": lambda x: x.tolist(),
    "rows": list,
    "memory": memoryview,
}


def test_the_same_numbers_in_another_layout_are_no_error(backend):
    """The memory layout of host arrays does not matter: none is refused, written to or read otherwise."""
    made = built(backend=backend, dtype="float64")
    wanted, outputs = made.evaluate(X, Y), made.forward(X)
    for name, form in ALIKE.items():
        x, y = form(X), Y if form is memoryview else form(Y[:, None])
        assert made.evaluate(x, y) == wanted, name
        np.testing.assert_array_equal(made.forward(x), outputs, err_msg=name)
        np.testing.assert_array_equal(np.asarray(x), X, err_msg=name)
    made.partial_fit(np.lib.stride_tricks.as_strided(X, writeable=False), Y)


@pytest.mark.parametrize("natives", [False, "auto"])
@pytest.mark.parametrize("form", ["Fortran's order", "negative strides", "every other column"])
def test_a_row_has_the_same_bits_however_it_lies(form, natives):
    """BLAS has a kernel of its own for a row with gaps; the third prediction and all later ones are replayed."""
    x = np.random.default_rng(0).standard_normal((1, 50)).astype("float32")
    network = xn.Sequential(xn.Dense(16, "tanh"), xn.Dense(3))
    made = xn.Model(network, loss="mse", optimizer="sgd", backend="numpy", natives=natives).build((50,))
    wanted = made.forward(x).tobytes()
    assert all(made.forward(ALIKE[form](x)).tobytes() == wanted for _ in range(4))


@pytest.mark.parametrize(
    ("x", "fragments"),
    [
        (X[:, :2], ("x (12, 2)", "takes (n, 3)")),
        (X[:0], ("x holds no samples",)),
        (with_value(NAN), ("x holds nan at row 4, column 2",)),
        (with_value(-INF), ("x holds -inf at row 4, column 2",)),
    ],
    ids=["shape", "empty", "nan", "inf"],
)
def test_arrays_of_every_library_are_told_the_same(x, fragments, backend):
    given = backend.asarray(x, dtype="float32")
    check(lambda: built(backend=backend).partial_fit(given, Y[: len(x)]), ValueError, fragments)


def test_complex_arrays_of_every_library_are_told_the_same(backend):
    given = backend.asarray(X.astype("complex64"))
    wanted = ("x must hold real numbers", "complex", "x.real")
    check(lambda: built(backend=backend).predict(given), TypeError, wanted)
