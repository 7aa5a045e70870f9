"""Real libraries that xpnet does not know, joined by the classes of docs/guest-libraries.md."""

import ast
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import xpnet as xn
from xpnet import namespace
from xpnet.backends import registry
from xpnet.testing.oracle import run_check, table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guest-libraries.md").read_text(encoding="utf-8")
CLASSES = [block for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S) if "class " in block]


@pytest.fixture
def page(monkeypatch):
    """The names that the page's snippets with classes define; the classes are registered for one test."""
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    session = ModuleType("page")
    for block in CLASSES:
        exec(compile(block, "docs/guest-libraries.md", "exec"), vars(session))
    return session


def digits_model(name, network):
    data = xn.data.digits()
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer="adam", backend=name, dtype="float32")
    model.fit(data.x_train[:128], data.y_train[:128], epochs=2)
    return model, data.x_test.astype("float32")


@pytest.mark.parametrize("name", ["dask", "mlx"])
def test_a_guest_trains_as_numpy_does(page, name):
    pytest.importorskip(f"{name}.array" if name == "dask" else f"{name}.core")
    (guest, x), (known, _) = (
        digits_model(each, xn.Sequential(xn.Dense(16, "relu"), xn.Dropout(0.2), xn.Dense(10)))
        for each in (name, "numpy")
    )
    assert type(guest.params["0.weight"]).__module__.startswith(name)
    assert np.abs(guest.predict_proba(x) - known.predict_proba(x)).max() < 1e-5


def test_dask_answers_in_the_chunks_of_the_input(page):
    array = pytest.importorskip("dask.array")
    model, x = digits_model("numpy", xn.Sequential(xn.Dense(10)))
    wanted = model.predict_proba(x)
    model.to("dask")
    found = model.predict_proba(array.from_array(x, chunks=(100, 64)))
    assert found.chunks[0] == (100, 100, 100, 59)
    assert np.abs(found.compute() - wanted).max() < 1e-6


def test_mlx_passes_checks_of_the_oracle(page):
    mx = pytest.importorskip("mlx.core")
    backend = xn.backends.get("mlx")
    rows = ("embedding, many rows", "softmax_cross_entropy", "batch_norm")
    outcomes = [
        run_check(row, case, check, backend, "float32") for row, case, check in table() if row in rows
    ]
    assert {outcome.row for outcome in outcomes} == set(rows)
    assert [outcome for outcome in outcomes if outcome.status == "failed"] == []
    x = mx.array(np.random.default_rng(0).standard_normal((3, 4)).astype("float32"))
    assert xn.check_gradient(xn.ops.tanh, x, tolerance=1e-3) < 1e-3
    assert float(xn.metrics.accuracy(mx.array([0, 1, 2, 3]), mx.array([0, 1, 2, 0]))) == 0.75


NETWORKS = {
    "dense": (xn.Sequential(xn.Dense(16, "gelu"), xn.BatchNorm(), xn.LayerNorm(), xn.Dense(4)), (12,)),
    "conv": (xn.Sequential(xn.Conv2D(4, 3), xn.MaxPool2D(2), xn.Flatten(), xn.Dense(4)), (8, 8, 1)),
    "recurrent": (xn.Sequential(xn.LSTM(4), xn.GRU(4, last=True), xn.Dense(4)), (5, 3)),
    "attention": (xn.Sequential(xn.MultiHeadAttention(2), xn.Flatten(), xn.Dense(4)), (5, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_ndonnx_writes_a_graph_that_computes_as_the_model_does(page, name):
    pytest.importorskip("ndonnx")
    runtime = pytest.importorskip("onnxruntime")
    network, shape = NETWORKS[name]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, *shape)).astype("float32"), np.arange(40) % 4
    model = xn.Model(
        network, loss="softmax_cross_entropy", optimizer="adam", backend="numpy", dtype="float32"
    )
    model.fit(x, y, epochs=1)
    written = page.to_onnx(model, (20, *shape)).SerializeToString()
    (found,) = runtime.InferenceSession(written).run(None, {"x": x[:20]})
    assert np.abs(found - model.forward(x[:20])).max() < 1e-5


def test_the_page_names_every_function_that_is_given_a_device():
    """`xp.zeros(..., device=...)`: the functions whose keyword a guest's namespace must take."""
    found = set()
    for path in Path(namespace.__file__).parent.rglob("*.py"):
        if path.relative_to(ROOT).parts[1] in ("testing", "backends"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and any(keyword.arg == "device" for keyword in node.keywords):
                called = ast.unparse(node.func)
                if called.startswith(("xp.", "namespace(x).")) and not called.endswith(".dtypes"):
                    found.add(called.rpartition(".")[2])
    (line,) = (line for line in PAGE.splitlines() if "passes `device=` to" in line)
    assert found == set(re.findall(r"`(\w+)`", line.partition("to ")[2]))
