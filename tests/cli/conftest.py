"""The folder that runs are made in."""

import numpy as np
import pytest

from .runs import write


@pytest.fixture
def tables(monkeypatch, tmp_path):
    """A folder with tables in it, in which the commands run on NumPy."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # which the commands set, and a test may not leave behind
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("XPNET_BACKEND", "numpy")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(120):
        width, town, length = rng.uniform(1, 9), rng.choice(["Oslo", "Rome", ""]), rng.normal()
        label = "wide" if width + 2 * (town == "Rome") > 6 else "slim"
        rows.append(
            [f"{width:.2f}", town, "NA" if length > 1.5 else f"{length:.3f}", 1000 + 50 * width, label]
        )
    write("few.csv", ["x", "y"], [[1, "a"], [2, "b"], [3, "a"], [4, "b"]])
    for name in ("t.csv", "-t.csv"):
        write(name, ["width", "town", "length", "price", "kind"], rows)
