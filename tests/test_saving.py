"""Model files: training goes on from them as if never interrupted."""

from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet import io
from xpnet.data.tables import Columns, Dropped, Number, Target, Text

from .bits import same_models

X = np.random.default_rng(0).standard_normal((37, 3))
Y = np.arange(37) % 3
NET = xn.Sequential(
    ("in", xn.Dense(8)),
    ("norm", xn.BatchNorm()),
    ("drop", xn.Dropout(0.3)),
    ("act", xn.Tanh()),
    ("out", xn.Dense(3)),
)


def make(backend="numpy", **options):
    options = {"optimizer": xn.adam(xn.schedules.cosine(0.02, 30)), "dtype": "float64", "seed": 5, **options}
    return xn.Model(NET, loss="softmax_cross_entropy", backend=backend, **options)


def test_training_goes_on_as_if_never_interrupted(backend, tmp_path):
    x, y = X[:32], Y[:32]
    whole, first = make(backend), make(backend)
    whole.fit(x, y, epochs=4, batch_size=16, validation_data=(x, y))
    first.fit(x, y, epochs=2, batch_size=16, validation_data=(x, y))
    first.save(tmp_path / "m")
    second = xn.load(tmp_path / "m", backend=backend)
    same_models(first, second)
    assert second.history == first.history
    second.fit(x, y, epochs=2, batch_size=16, validation_data=(x, y))
    same_models(whole, second)
    assert second.history == whole.history
    assert second.history["epoch"] == [1, 2, 3, 4]


def test_a_save_within_an_epoch_is_that_of_the_last_whole_one(backend, tmp_path):
    x, y = X[:32], Y[:32]

    class Saves(xn.Callback):
        def on_steps(self, model, record):
            if model.history.epochs == 1 and record["step"] == 3:
                model.save(tmp_path / "m")

    whole = make(backend)
    whole.fit(x, y, epochs=3, batch_size=8, steps_per_call=1, callbacks=[Saves()])
    again = xn.load(tmp_path / "m", backend=backend)
    assert again.history.epochs == 1
    again.fit(x, y, epochs=2, batch_size=8, steps_per_call=1)
    same_models(whole, again)


def test_another_backend_predicts_the_same(backend, tmp_path):
    model = make("numpy")
    model.fit(X, Y, epochs=3, batch_size=8)
    model.save(tmp_path / "m")
    there = xn.load(tmp_path / "m", backend=backend)
    assert there.backend.name == backend.name
    np.testing.assert_allclose(there.forward(X), model.forward(X), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(there.predict(X), model.predict(X))
    for name, array in there.params.items():
        assert there.backend.owns(array), name


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes", "maybe"]),
        np.array([10, "a", "b"]),
        np.array(["ä", "𝄞", ""], object),
        np.arange(3, dtype="i1"),
    ],
)
def test_labels_come_back(tmp_path, labels):
    model = make()
    model.fit(X, labels[Y], epochs=1)
    model.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m", backend="numpy")
    found = loaded.predict(X)
    np.testing.assert_array_equal(found, model.predict(X))
    assert found.dtype == labels.dtype
    loaded.fit(X, labels[Y][::-1], epochs=1)
    with pytest.raises(xn.LabelError, match="y holds"):
        loaded.fit(X, np.array(["other"] * 37), epochs=1)


def test_what_fit_can_do_save_can_keep(tmp_path):
    """An infinite validation loss, a seed beyond 64 bits: training is never lost at its end."""
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy", seed=2**70, reduction="sum")
    model.fit(X, X[:, 0], epochs=1, validation_data=(X * 1e30, Y))
    assert model.history["val_loss"] == [float("inf")]
    model.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m", backend="numpy")
    assert loaded.history == model.history
    assert (loaded.seed, loaded.reduction) == (2**70, "sum")


def test_a_dtype_given_as_numpys_is_kept(tmp_path):
    model = make(dtype=np.dtype("float32"))
    model.fit(X, Y, epochs=1)
    model.save(tmp_path / "m")
    assert xn.load(tmp_path / "m").dtype == "float32"


@dataclass(frozen=True)
class Double(xn.Layer):
    by: float = 2.0

    def forward(self, params, x, ctx):
        return x * self.by, lambda dy: (dy * self.by, {})


def test_a_layer_of_ones_own(tmp_path):
    model = xn.Model(xn.Sequential(xn.Dense(1), Double(3.0)), loss="mse", optimizer="sgd", backend="numpy")
    model.fit(X, X[:, 0], epochs=1)
    model.save(tmp_path / "m")
    with pytest.raises(xn.ModelFileError, match=r"'Double'.*custom=\[Double\]"):
        xn.load(tmp_path / "m", backend="numpy")
    loaded = xn.load(tmp_path / "m", backend="numpy", custom=[Double])
    assert loaded.network == model.network
    np.testing.assert_array_equal(loaded.forward(X), model.forward(X))


def test_a_backend_that_is_unknown_is_not_the_files_fault(tmp_path):
    model = make().build((3,))
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="did you mean 'numpy'") as caught:
        xn.load(tmp_path / "m", backend="nunpy")
    assert not isinstance(caught.value, xn.ModelFileError)


COLUMNS = Columns(
    (Number("a", 1.5, 2.0), Text("c", ("", "ä")), Dropped("id", "it numbers the rows")),
    Target("y", "classification", (1, 2, 3), why="as asked"),
    ("a note",),
)


def test_columns_of_a_table_are_kept(tmp_path):
    model = make()
    model.fit(X, Y, epochs=1)
    model.columns = COLUMNS
    model.save(tmp_path / "m")
    assert xn.load(tmp_path / "m", backend="numpy").columns == COLUMNS
    model.columns = None
    model.save(tmp_path / "m")
    assert "columns" not in io.read(tmp_path / "m")[1]  # as files were before there were columns
    assert xn.load(tmp_path / "m", backend="numpy").columns is None


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        (
            Columns((Number("a"),)),
            ValueError,
            r"columns make 1 features of a row, and the model takes \(3,\)",
        ),
        ([Number("a")] * 3, TypeError, "model.columns: xn.data.Columns were wanted, or None"),
    ],
)
def test_columns_that_are_not_the_models_are_not_saved(tmp_path, columns, error, words):
    model = make().build((3,))
    model.columns = columns
    with pytest.raises(error, match=words):
        model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_file_from_before_a_slot_was_renamed(tmp_path, monkeypatch):
    """AMSGrad's largest v was called "top"."""
    model, x = make(optimizer=xn.adam(0.01, amsgrad=True)), X[:32]
    model.fit(x, Y[:32], epochs=1, batch_size=16)
    with monkeypatch.context() as patched:
        flat = io.flat_state
        patched.setattr(
            "xpnet.saving.flat_state",
            lambda state: {name.replace("/v_max/", "/top/"): array for name, array in flat(state).items()},
        )
        model.save(tmp_path / "m")
    arrays, _ = io.read(next(tmp_path.iterdir()))
    assert "slots/top/in.weight" in arrays
    assert "slots/v_max/in.weight" not in arrays
    same_models(model, xn.load(tmp_path / "m"))
