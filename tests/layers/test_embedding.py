"""Embedding: rows by their ids, padding, and ids that cannot be, wherever they come from."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.layers import Pass

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 9, (12, 4))
Y = np.arange(12) % 2


def model(**options):
    network = xn.Sequential(xn.Embedding(9, 3), xn.Flatten(), xn.Dense(2))
    return xn.Model(network, loss="softmax_cross_entropy", optimizer="adam", **options)


@pytest.mark.parametrize("size", [9, 2000])
def test_rows_by_their_ids_and_sums_of_their_derivatives(size, backend):
    layer = xn.Embedding(size, 2)
    table = backend.asarray(RNG.standard_normal((size, 2)))
    ids = np.array([[3, size - 1, 3], [3, 0, 5]])
    with backend.device_context():
        y, pullback = layer.forward({"weight": table}, backend.asarray(ids), Pass(grad=True).context())
        dx, grads = pullback(backend.asarray(np.arange(12.0).reshape(2, 3, 2)))
    assert np.array_equal(backend.to_numpy(y), backend.to_numpy(table)[ids])
    wanted = np.zeros((size, 2))
    wanted[[0, 3, 5, size - 1]] = [[8, 9], [10, 13], [10, 11], [2, 3]]
    assert dx is None
    assert np.array_equal(backend.to_numpy(grads["weight"]), wanted)


def test_padding_starts_at_zero_stays_there_and_tells_the_layers_behind():
    layer = xn.Embedding(9, 3, padding=2)
    params, _, shape = layer.init(RNG, (4,), "float64")
    assert shape == (4, 3)
    assert not params["weight"][2].any()
    assert params["weight"][[0, 1, 3]].all()
    ctx = Pass(grad=True).context()
    _, pullback = layer.forward(params, IDS, ctx)
    assert np.array_equal(ctx.mask, IDS != 2)
    assert not pullback(np.ones((12, 4, 3)))[1]["weight"][2].any()
    network = xn.Sequential(layer, xn.GRU(4, last=True), xn.Dense(2))
    trained = xn.Model(network, loss="softmax_cross_entropy", optimizer=xn.adamw(0.1), backend="numpy")
    trained.fit(IDS, Y, epochs=3)
    assert not trained.params["0.weight"][2].any()


def with_id(number, place, dtype="int64"):
    x = IDS.astype(dtype)
    x[place] = number
    return x


BAD = [
    (IDS + 0.0, TypeError, "x holds float64, the network takes integer ids"),
    (IDS > 3, TypeError, "x holds bool, the network takes integer ids"),
    (with_id(9, (5, 2)), ValueError, "the id 9 at row 5, column 2, ids are 0 to 8, for the table has 9 rows"),
    (with_id(-1, (5, 2)), ValueError, "x holds the id -1 at row 5, column 2"),
    (with_id(2**63 + 1, (0, 3), "uint64"), ValueError, "the id 9223372036854775809 at row 0"),
]


@pytest.mark.parametrize(("x", "error", "message"), BAD)
def test_what_is_no_id_is_refused_wherever_it_comes_from(x, error, message, tmp_path):
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    fitted = model(backend="numpy")
    fitted.fit(IDS, Y, epochs=1)
    for call in (
        lambda: model(backend="numpy").fit(x, Y, epochs=1),
        lambda: model(backend="numpy").fit(mapped, Y, epochs=1, batch_size=5),
        lambda: model(backend="numpy").fit([(IDS, Y), (x, Y)], epochs=1),
        lambda: fitted.predict(x),
        lambda: fitted.predict(mapped),
        lambda: fitted.partial_fit(x, Y),
        lambda: fitted.evaluate(x, Y),
        lambda: fitted.fit(IDS, Y, epochs=1, validation_data=(x, Y)),
    ):
        with pytest.raises(error, match=message):
            call()


def test_ids_of_every_integer_type_on_every_backend(backend):
    made = model(backend=backend.name, dtype="float64")
    made.fit(IDS.astype("uint8"), Y, epochs=2, batch_size=5)
    wanted = made.forward(IDS)
    assert made.evaluate(IDS, Y)["loss"] == made.evaluate(IDS.astype("int16"), Y)["loss"]
    own = backend.asarray(IDS.astype("int32"))
    assert np.array_equal(backend.to_numpy(made.forward(own)), wanted)
    with pytest.raises(ValueError, match="the id 9 at row 0, column 0"):
        made.predict(backend.asarray(np.full((2, 4), 9)))
    with pytest.raises(TypeError, match="integer ids"):
        made.predict(backend.asarray(np.zeros((2, 4))))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "uint64"])
def test_ids_that_are_narrower_than_the_table_is_long(dtype, backend):
    """300 is no int8, and of uint16 PyTorch knows no minimum."""
    made = xn.Model(xn.Embedding(300, 2), loss="mse", optimizer="sgd", backend=backend.name).build((4,))
    own = backend.asarray(IDS[:, :4].astype(dtype))
    assert np.array_equal(backend.to_numpy(made.forward(own)), made.forward(IDS[:, :4]))
    with pytest.raises(ValueError, match="at row 0, column 0, ids are 0 to 299"):
        made.forward(backend.asarray(np.full((2, 4), -2).astype(dtype)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xn.Embedding(0, 3), "Embedding: size 0 must be a positive integer"),
        (lambda: xn.Embedding(3, 2.5), r"Embedding: features 2.5 must be"),
        (lambda: xn.Embedding(3, 2, padding=3), "Embedding: padding 3 must be None or an id from 0 to 2"),
        (lambda: xn.Embedding(3, 2, padding=-1), "Embedding: padding -1 must be None or an id from 0 to 2"),
        (lambda: xn.Embedding(3, 2, initializer="nomal"), "did you mean 'normal'"),
    ],
)
def test_options_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_side_by_side_the_smallest_table_counts():
    network = xn.Concatenate(xn.Embedding(9, 2), xn.Embedding(5, 2))
    assert (network.takes_ids, network.id_limit) == (True, 5)
    assert xn.Sequential(network, xn.Dense(2)).id_limit == 5
    assert xn.Sequential(xn.Dense(2)).id_limit is None
