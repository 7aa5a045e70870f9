"""Settings of NumPy, PyTorch and JAX that a user makes for his own code: a model computes under each as without it."""

import warnings
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet.testing import run_check, table

ROWS = ("softmax_cross_entropy", "layer_norm, whole", "gelu", "linear", "adam")
"""Rows of the oracle that exponentiate, divide, add along axes, multiply and update."""
X = np.random.default_rng(0).standard_normal((48, 5)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


@contextmanager
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def of_torch(setter, value, default):
    torch = pytest.importorskip("torch")
    getattr(torch, setter)(value if value != "float64" else torch.float64)
    try:
        yield
    finally:
        getattr(torch, setter)(default if default != "float32" else torch.float32)


def inference_mode():
    return pytest.importorskip("torch").inference_mode()


@contextmanager
def of_jax(name, value):
    jax = pytest.importorskip("jax")
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


SETTINGS = {
    "errstate": ("numpy", lambda: np.errstate(all="raise")),
    "warnings": ("numpy", warnings_are_errors),
    "errstate on strict": ("strict", lambda: np.errstate(all="raise")),
    "errstate on torch": ("torch", lambda: np.errstate(all="raise")),
    "warnings on torch": ("torch", warnings_are_errors),
    "default dtype": ("torch", partial(of_torch, "set_default_dtype", "float64", "float32")),
    "default device": ("torch", partial(of_torch, "set_default_device", "meta", None)),
    "gradients off": ("torch", partial(of_torch, "set_grad_enabled", False, True)),
    "inference mode": ("torch", inference_mode),
    "deterministic": ("torch", partial(of_torch, "use_deterministic_algorithms", True, False)),
    "one thread": ("torch", partial(of_torch, "set_num_threads", 1, 1)),
    "rank promotion": ("jax", partial(of_jax, "jax_numpy_rank_promotion", "raise")),
    "dtype promotion": ("jax", partial(of_jax, "jax_numpy_dtype_promotion", "strict")),
    "debug NaNs": ("jax", partial(of_jax, "jax_debug_nans", True)),
    "no 64 bits": ("jax", partial(of_jax, "jax_enable_x64", False)),
    "tracer leaks": ("jax", partial(of_jax, "jax_check_tracer_leaks", True)),
    "no jit": ("jax", partial(of_jax, "jax_disable_jit", True)),
}
KINDS = {name: library for name, (library, _) in SETTINGS.items()}


class Setting(str):
    """A setting's name; `name` is its library, by which the sample chooses."""

    @property
    def name(self):
        return KINDS[self]


def answers(library, setting):
    """A training, predictions and scores, as host arrays."""
    with setting:
        model = xn.Model(
            xn.Sequential(xn.Dense(6, "gelu"), xn.Dropout(0.2), xn.Dense(2)),
            loss="softmax_cross_entropy",
            optimizer=xn.adam(0.01),
            backend=library,
        )
        model.fit(X, Y, epochs=1, batch_size=24, validation_data=(X, Y), sample_weight=np.full(48, 1e-3))
        likely = model.predict_proba(X * 1e3)  # some scores lie hundreds below the largest: exp underflows
        return [model.predict(X), likely, *model.evaluate(X, Y, metrics="roc_auc").values()]


@pytest.mark.sample(1, by=("setting",))
@pytest.mark.parametrize("setting", [*map(Setting, SETTINGS)])
def test_a_model_computes_as_without_the_setting(setting):
    library, make = SETTINGS[setting]
    if library != "numpy":
        pytest.importorskip({"strict": "array_api_strict"}.get(library, library))
    wanted = answers(library, nullcontext())
    for got, one in zip(answers(library, make()), wanted, strict=True):
        np.testing.assert_allclose(got, one, rtol=2e-4, atol=1e-6)


@pytest.mark.sample(1, by=("setting",))
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("setting", [*map(Setting, sorted(SETTINGS.keys() - {"inference mode"}))])
def test_a_row_of_the_oracle(setting, row):
    """Not in PyTorch's inference mode, where the oracle's peer has no derivatives."""
    library, make = SETTINGS[setting]
    if library != "numpy":
        pytest.importorskip({"strict": "array_api_strict"}.get(library, library))
    found = [(case, check) for name, case, check in table() if name == row]
    rows = [(case, check) for case, check in found if check.__name__ != "tracing"]  # it counts traces
    assert rows, f"the oracle has no row {row}"
    with make():
        outcomes = [run_check(row, case, check, xn.backends.get(library), "float32") for case, check in rows]
    failed = [f"{outcome.check}: {outcome.message}" for outcome in outcomes if outcome.status == "failed"]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mse"])
def test_tiny_and_huge_numbers_under_strict_errors(loss):
    """Casts, weights and squares that underflow."""
    y = X[:, :1] * 1e-45 if loss == "mse" else Y
    layers = xn.Dense(4, "tanh"), xn.Dense(2 if loss == "softmax_cross_entropy" else 1)
    with np.errstate(all="raise"):
        for scale, weight in ((1e-300, 1.0), (1e6, 1e-60)):
            x, w = X.astype("float64") * scale, np.full(48, weight)
            model = xn.Model(xn.Sequential(*layers), loss=loss, optimizer="adam", backend="numpy")
            model.build((5,))
            model.params = {name: np.full(value.shape, 1e-30) for name, value in model.params.items()}
            model.fit(x, y, epochs=1, sample_weight=w)
            model.evaluate(x, y, w)
            assert len(model.predict(x)) == len(model.predict_proba(x)) == 48
