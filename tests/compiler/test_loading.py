"""Numba is loaded whole or not at all, and a training does without one that cannot be used."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from xpnet.compiler import codegen, loading

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


def test_an_interrupt_is_heard_after_the_block():
    done = []

    def load():
        with loading.interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    with pytest.raises(KeyboardInterrupt):
        load()
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_thread_leaves_the_handlers_alone():
    entered = []

    def load():
        with loading.interrupts_deferred():
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert entered == [signal.default_int_handler]


def test_half_a_package_is_forgotten(tmp_path, monkeypatch):
    (tmp_path / "halved").mkdir()
    (tmp_path / "halved" / "__init__.py").write_text("from . import first, second")
    (tmp_path / "halved" / "first.py").write_text("")
    (tmp_path / "halved" / "second.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt), loading.whole_or_not_at_all("halved"):
        import halved  # noqa: F401 - it cannot be imported
    assert not [name for name in sys.modules if name.startswith("halved")]


class Damaged:
    """A cache whose files a power cut has emptied, on a full disk."""

    cache_path = "somewhere/__pycache__"

    def load_overload(self, *args):
        raise EOFError("Ran out of input")

    def save_overload(self, *args):
        raise OSError(28, "No space left on device")


def test_a_damaged_cache_is_told_once_and_left_out(monkeypatch):
    monkeypatch.setattr(codegen, "_warned", set())
    cache = codegen.ForgivingCache(Damaged())
    with pytest.warns(UserWarning, match=r"somewhere/__pycache__ is left out \(EOFError: Ran out of input\)"):
        assert cache.load_overload("signature") is None
    cache.save_overload("signature", "code")  # a warning here would be an error
    assert cache.cache_path == "somewhere/__pycache__"


def test_compiled_functions_have_a_cache_that_forgives(monkeypatch):
    pytest.importorskip("numba", reason=f"numba is not installed: {loading.INSTALL}")
    compiled = codegen.jit(codegen.define(["x"], ["return x + 1"], {}))
    assert isinstance(compiled._cache, codegen.ForgivingCache)
    monkeypatch.setattr(codegen, "_warned", set())
    compiled._cache = codegen.ForgivingCache(Damaged())
    with pytest.warns(UserWarning, match="left out"):
        assert compiled(1) == 2
