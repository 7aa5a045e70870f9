"""BLAS threads while NumPy trains: one unless more are asked for, and the caller's own afterwards."""

import re

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.numpy.blas import limited
from xpnet.compiler.partition import row_units

threadpoolctl = pytest.importorskip(
    "threadpoolctl", reason="threadpoolctl is not installed: pip install 'xpnet[fast]'"
)


def threads():
    """Of NumPy's own BLAS; other libraries may have brought theirs into this process."""
    found = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    own = [library for library in found if "numpy" in library["filepath"]]
    return [library["num_threads"] for library in own or found[:1]]


class Spy(xn.Layer):
    """Notes the threads that a step sees."""

    seen = []  # noqa: RUF012 - a layer has no state

    def forward(self, params, x, ctx):
        self.seen.append(threads())
        if len(self.seen) > 100:
            raise RuntimeError("enough")
        return x, lambda dy: (dy, {})


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """The caller has set two; the environment of the tests, which is an upper bound, sets one."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("xpnet.backends.cores.cores", lambda: 2)
    Spy.seen.clear()
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if 2 not in threads():
            pytest.skip("this BLAS has one thread only")
        yield


def model(**options):
    network = xn.Sequential(Spy(), xn.Dense(512))
    return xn.Model(network, loss="mse", optimizer=xn.sgd(0.1), backend="numpy", natives=False, **options)


X, Y = np.ones((16, 512)), np.ones((16, 512))


@pytest.mark.parametrize(
    ("options", "wanted"), [({}, 1), ({"deterministic": False}, 2)], ids=["default", "free"]
)
def test_while_it_trains(options, wanted):
    trained = model(**options)
    trained.fit(
        X, Y, epochs=1, callbacks=[lambda model, record: 2 in threads() or pytest.fail("not put back")]
    )
    trained.partial_fit(X, Y)
    assert len(Spy.seen) == 2
    assert all(max(found) == wanted for found in Spy.seen)
    assert max(threads()) == 2


def test_small_products_have_one_thread_whatever_is_asked():
    model(deterministic=False).fit(X[:1], Y[:1], epochs=1)
    assert max(Spy.seen[0]) == 1


def test_after_an_error_the_threads_are_the_callers():
    with pytest.raises(RuntimeError, match="enough"):
        model().fit(X, Y, epochs=200)
    assert max(threads()) == 2


@pytest.mark.parametrize("value", [None, "yes", 2])
def test_a_bad_choice_is_named(value):
    with pytest.raises(ValueError, match=r"deterministic .* must be True or False"):
        model(deterministic=value)


def test_the_plan_names_the_unit_of_a_cut(monkeypatch):
    """The multiple is tried on one thread: with several a product has other bits, whatever it is cut into."""
    monkeypatch.setattr("xpnet.backends.cores.affinity", lambda: 2)
    model = xn.Model(xn.Dense(256), loss="mse", optimizer="sgd", backend="numpy").build((512,))
    x = np.ones((64, 512), "float32")
    model.fit(x, np.zeros((64, 256)), epochs=1, batch_size=64)
    unit = re.search(
        r"large products of a replayed step, cut at multiples of (\d+) rows", model.plan.threads.why
    )
    with limited(1):
        assert int(unit[1]) == row_units("f")[0]
    model.fit(x, np.zeros((64, 256)), epochs=1, batch_size=1)
    assert "multiples" not in model.plan.threads.why
