"""The list of backends on the command line: made without importing any, unless a probe is asked for."""

import json
import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn
from xpnet import installed

from .runs import call

pytestmark = pytest.mark.usefixtures("tables")


def test_a_backend_of_an_installed_package_is_listed_and_not_loaded(capsys, monkeypatch):
    class Point:
        name, dist = "mine", type("Dist", (), {"name": "my-arrays", "version": "1.2"})

    monkeypatch.setattr(installed, "entry_points", lambda: [Point()])
    assert call("backends", capsys).out.splitlines()[-1].split() == ["mine", "my-arrays", "1.2"]


def test_backends_are_listed_without_importing_any():
    code = (
        "import sys; from xpnet.cli import main; status = main(['backends', '--json']); "
        "sys.exit(status or bool({'numpy', 'torch', 'jax', 'cupy', 'array_api_strict'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert list(rows) == list(installed.BACKENDS)
    assert rows["numpy"]["version"] == np.__version__
    for name, row in rows.items():
        assert row["installed"] == bool(xn.backends.find(name).available()), name
        assert row["installed"] or row["install"].startswith("pip install")


def test_a_probe_lists_the_backends_that_compute(capsys, monkeypatch):
    out, _ = call("backends --probe", capsys)
    assert [line.split()[0] for line in out.splitlines()] == ["backend", *installed.BACKENDS]
    assert out.splitlines()[1].split() == ["numpy", np.__version__, "yes", "yes", "cpu"]
    broken = xn.backends.Availability(False, "no driver: pip install one")
    monkeypatch.setattr(
        xn.backends.find("numpy"), "available", classmethod(lambda cls, *, probe=False: broken)
    )
    out, _ = call("backends --probe numpy", capsys, 1)
    assert out.splitlines()[-1].split(maxsplit=3)[2:] == ["no", "no driver: pip install one"]
