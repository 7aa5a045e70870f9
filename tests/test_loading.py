"""Optional packages that are broken, interrupted or switched off, and a damaged cache of Numba's."""

import errno
import os
import re
import signal
import sys
import threading
import warnings

import numpy as np
import pytest

import xpnet as xn
from xpnet import loading
from xpnet.backends import find, get
from xpnet.compiler import codegen
from xpnet.compiler.loading import available
from xpnet.data.tables.cells import import_pandas

needs_numba = pytest.mark.skipif(not available(), reason="numba is not installed: pip install 'xpnet[fast]'")
X = np.random.default_rng(0).standard_normal((64, 5)).astype("float32")


@pytest.fixture
def package(monkeypatch, tmp_path):
    """Writes a package of a name whose `__init__` has this text, in the place of one that is installed."""
    for name in ("_broken", "_loaded", "_told"):
        monkeypatch.setattr(loading, name, type(getattr(loading, name))())
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
        (tmp_path / name / "first.py").write_text("")

    yield write
    for module in [
        m for m, made in sys.modules.items() if str(tmp_path) in str(getattr(made, "__file__", ""))
    ]:
        del sys.modules[module]


@pytest.fixture
def signals(monkeypatch):
    """A handler of Ctrl-C and one of SIGTERM, which raise, whatever the tests' runner has set."""

    def end(number, frame):
        raise SystemExit(143)

    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGINT, before[0]), signal.signal(signal.SIGTERM, before[1])


@pytest.mark.parametrize(("number", "error"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)])
def test_a_signal_waits_until_a_package_is_imported(package, signals, number, error):
    package("halved", f"import os, signal\nos.kill(os.getpid(), signal.{number})\nwhole = True\n")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(error):
        loading.obstacle("halved", "pip install halved")
    assert sys.modules["halved"].whole
    assert loading.obstacle("halved", "pip install halved") is None
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_half_a_package_is_forgotten(package):
    package("halved", "import halved.first\nraise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        loading.obstacle("halved", "pip install halved")
    assert not [name for name in sys.modules if name.startswith("halved")]


def test_blocks_within_each_other_hold_a_signal_until_the_outermost_ends(signals):
    done = []

    def run():
        with loading.undisturbed():
            with loading.undisturbed():
                os.kill(os.getpid(), signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == [1]


def test_another_thread_sets_no_handler():
    found = []

    def run():
        with loading.undisturbed():
            found.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [True]


@pytest.mark.parametrize("error", ["ImportError('NumPy is too new.')", "OSError('libx.so')", "KeyError('x')"])
def test_a_numba_that_does_not_import(package, error):
    package("numba", f"raise {error}\n")
    reason = f"numba is installed and cannot be used: {error.partition('(')[0]}: "
    numpy = get("numpy")
    with pytest.warns(UserWarning, match="numba is installed .*; trainings run without it"):
        natives = numpy.natives("auto", dtype="float32", seconds=100.0)
    assert natives.name == "portable"
    assert natives.why.startswith(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        model = xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer="adam", backend="numpy")
        model.fit(lambda: iter([(X, np.arange(64) % 2)]), epochs=1)
    assert reason in str(model.plan)
    with pytest.raises(
        xn.MissingExtraError, match="natives=True on NumPy cannot be used: numba is installed"
    ):
        numpy.natives(True, dtype="float32", seconds=0.0)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("array_api_strict", lambda: get("strict")),
        ("matplotlib", lambda: xn.plots.function(lambda x: x, (0, 1))),
        ("pandas", import_pandas),
    ],
)
def test_a_package_that_does_not_import(package, name, call):
    package(name, "raise RuntimeError('no such symbol')\n")
    reason = f"{name} is installed and cannot be used: RuntimeError: no such symbol"
    with pytest.raises(xn.MissingExtraError, match=re.escape(f"cannot be used: {reason}")):
        call()
    if name == "array_api_strict":
        assert find("strict").available(probe=True).reason.startswith(reason)


@needs_numba
def test_a_numba_that_is_switched_off(monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    natives = get("numpy").natives("auto", dtype="float32", seconds=100.0)
    assert (natives.name, natives.why) == ("portable", "numba is switched off, NUMBA_DISABLE_JIT is set")
    with pytest.raises(xn.MissingExtraError, match="natives=True on NumPy cannot be used: numba is switched"):
        get("numpy").natives(True, dtype="float32", seconds=0.0)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Numba's cache in a folder of its own."""
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(loading, "_told", set())
    return tmp_path


def refuse(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


def twice(kind):
    """A function that doubles an array in place, compiled for Python or for C."""
    x = np.ones(3)
    if kind == "jit":
        compiled = codegen.compile_function(["x"], ["for i in range(x.size):", "    x[i] *= 2"], {})
        compiled(x)
    else:
        codegen.cfunc({"x": (x.dtype, 1)}, ["for i in range(x.size):", "    x[i] *= 2"])
        x *= 2
    return x.tolist()


@needs_numba
@pytest.mark.parametrize("kind", ["jit", "cfunc"])
@pytest.mark.parametrize("damage", ["emptied", "cut", "full", "unreadable"])
def test_a_damaged_cache_stops_nothing(folder, monkeypatch, damage, kind):
    from numba.core import caching

    if damage != "full":
        assert twice(kind) == [2, 2, 2]
    files = [file for file in folder.rglob("*") if file.suffix in (".nbi", ".nbc")]
    if damage == "full":
        monkeypatch.setattr(caching.IndexDataCacheFile, "_dump", refuse)
    elif damage == "unreadable":
        (index,) = [file for file in files if file.suffix == ".nbi"]
        index.unlink(), index.mkdir()  # root may read a file without permission, and not a folder
    else:
        for file in files:
            file.write_bytes(b"" if damage == "emptied" else file.read_bytes()[:60])
    with pytest.warns(UserWarning, match=f"Numba's cache in {folder}.* is damaged or cannot be written"):
        assert twice(kind) == [2, 2, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once for each folder
        assert twice(kind) == [2, 2, 2]
    if damage in ("emptied", "cut"):
        monkeypatch.setattr(loading, "_told", set())
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the files are whole again
            assert twice(kind) == [2, 2, 2]
