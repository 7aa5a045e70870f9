"""JAX with 64-bit numbers disabled, its default: it trains without warnings."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np, xpnet as xn
x, y = np.random.default_rng(0).standard_normal((12, 3)), np.arange(12) % 3
try:
    xn.Model(xn.Dense(3), loss="mse", optimizer="sgd", backend="jax", dtype="float64")
except xn.BackendError as error:
    print(error)
backend = xn.backends.get("jax")
for held in (np.array([2**31 - 1, -2**31]), np.array([2**32 - 1], "uint64"), np.zeros(0, "int64")):
    assert backend.to_numpy(backend.asarray(held)).tolist() == held.tolist()
for wide in (np.array([2**31]), np.array([-2**31 - 1]), np.array([2**32], "uint64"), [2**31]):
    try:
        print(backend.asarray(wide))
    except xn.BackendError as error:
        print(error)
for labels in (y, y.astype("float64"), np.array(list("abc"))[y]):
    model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer="sgd", backend="jax")
    model.fit(x, labels, epochs=1, validation_split=0.25)
    model.evaluate(x, labels)
    assert set(model.predict(x).tolist()) <= set(labels.tolist())
    assert model.predict(x).dtype == labels.dtype
    assert set(model.predict(model.backend.asarray(x, dtype="float32")).tolist()) <= set(labels.tolist())
model = xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="sgd", backend="jax")
model.fit(x, y > 0, epochs=1)
assert model.predict(x).dtype == bool
print("trained")
"""


@pytest.fixture(scope="module")
def done():
    pytest.importorskip("jax")
    command, env = [sys.executable, "-W", "error", "-c", SCRIPT], {**os.environ, "JAX_ENABLE_X64": "0"}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def test_the_error_for_float64_names_its_switch(done):
    assert "jax.config.update('jax_enable_x64', True)" in done.stdout


def test_integers_beyond_32_bits_are_refused(done):
    assert done.stdout.count("before its first use, and the array holds numbers beyond int32:") == 3
    assert done.stdout.count("before its first use, and the array holds numbers beyond uint32:") == 1


def test_float32_trains_and_predicts_without_a_warning(done):
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("trained\n")
