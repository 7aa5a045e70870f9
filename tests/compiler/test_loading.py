"""Numba is loaded whole or not at all, and a training does without one that cannot be used."""

import os
import subprocess
import sys

import pytest

from xpnet.compiler import loading

FIT = """
import warnings
import numpy as np, xpnet as xn
x, y = np.random.default_rng(0).normal(size=(64, 5)), np.arange(64) % 2
def batches(): return iter([(x[:32], y[:32]), (x[32:], y[32:])])
def model(natives="auto"):
    return xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer="adam", backend="numpy", natives=natives)
m = model()
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    m.fit(batches, epochs=2)
    model().fit(batches, epochs=1)
print(len(told), m.plan.natives)
try: model(True).fit(x, y, epochs=1)
except xn.MissingExtraError as error: print(error)
"""


def lines_of(tmp_path, **environment):
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", FIT],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_numba_that_does_not_import_is_told_once(tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise SystemError('made for another NumPy')")
    reason = "numba is installed and cannot be used: SystemError: made for another NumPy"
    assert lines_of(tmp_path) == [f"1 portable: {reason}", f"natives=True on NumPy cannot be used: {reason}"]


def test_a_numba_that_is_switched_off_counts_as_absent(tmp_path):
    pytest.importorskip("numba", reason=f"numba is not installed: {loading.INSTALL}")
    reason = "numba is switched off, NUMBA_DISABLE_JIT is set"
    wanted = [f"0 portable: {reason}", f"natives=True on NumPy cannot be used: {reason}"]
    assert lines_of(tmp_path, NUMBA_DISABLE_JIT="1") == wanted
