"""`xpnet bench`: its table, its JSON, and what it refuses."""

import json
import shlex
from importlib.util import find_spec

import pytest

from xpnet.cli import bench, main
from xpnet.machine import timing

QUICK = "bench --size small --seconds 0.001 --backend numpy"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # which the command sets, and a test may not leave behind
    monkeypatch.delenv("XPNET_BACKEND", raising=False)
    monkeypatch.delenv("XPNET_DEVICE", raising=False)


def test_a_row_per_backend_and_progress_beside_it(capsys):
    assert main(shlex.split(f"{QUICK} --backend strict --backend numpy")) == 0
    out, err = capsys.readouterr()
    head, *rows = (line for line in out.splitlines() if "too noisy" not in line)
    assert head.split()[:4] == ["network,", "batch", "backend", "us/step"]
    assert [row.split()[:3] for row in rows] == [["64-64-10,", "32", "numpy"], ["64-64-10,", "32", "strict"]]
    assert err.splitlines() == [
        "numpy on cpu: small 64-64-10, batch 32",
        "strict on CPU_DEVICE: small 64-64-10, batch 32",
    ]


def test_json_is_all_of_standard_output_and_the_networks_learn(capsys):
    assert main(shlex.split(f"{QUICK} --json")) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    result = json.loads(out)
    assert list(result) == ["seconds", "repeats", "rows", "absent"]
    (row,) = result["rows"]
    assert (row["backend"], row["network"], row["batch"]) == ("numpy", "64-64-10", 32)
    assert 1 < row["predict_us"] < 1e6
    assert 1 < row["step_us"] < 1e6
    assert row["step_spread"] >= 0
    assert row["natives"]
    first, last = row["losses"]
    assert last < 0.8 * first


def test_the_default_is_every_available_backend_and_absent_ones_are_listed(monkeypatch, capsys):
    known = {"numpy": (True, "installed"), "other": (False, "other is not installed: get it")}
    usable = {name: bench_availability(*found) for name, found in known.items()}
    monkeypatch.setattr("xpnet.backends.available", lambda probe: usable)
    assert main(shlex.split("bench --size small --seconds 0.001")) == 0
    _, row, *_, absent = capsys.readouterr().out.splitlines()
    assert "numpy" in row
    assert absent == "absent: other (other is not installed: get it)"


def bench_availability(ok, reason):
    from xpnet.backends.base import Availability

    return Availability(ok, reason)


@pytest.mark.parametrize(("spread", "wanted"), [(0.14, 1), (0.16, 2)])
def test_a_noisy_machine_is_said_to_be_one(spread, wanted):
    row = {"network": "2-3-1", "batch": 1, "backend": "numpy", "device": "cpu", "natives": "portable"}
    row |= {"step_us": 1.0, "step_spread": spread, "predict_us": 1.0, "predict_spread": 0.0}
    lines = bench.table({"rows": [row], "absent": {}}).splitlines()[1:]
    assert len(lines) == wanted
    assert ("too noisy to conclude" in lines[-1]) == (wanted == 2)


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("--backend nunpy", 2, "backend 'nunpy' is unknown: did you mean 'numpy'?"),
        ("--size tiny", 2, "--size: invalid choice: 'tiny'"),
        ("--seconds 0", 2, "'0' is not a positive number of seconds"),
        ("--seconds soon", 2, "'soon' is not a positive number of seconds"),
        ("--second 1", 2, "option '--second' is unknown: did you mean '--seconds'?"),
        ("--backend numpy --device gpu", 1, "device 'gpu' is not one of backend 'numpy'"),
    ],
)
def test_invalid_options_are_refused(line, status, says, capsys):
    assert main(["bench", *shlex.split(line)]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is installed")
def test_a_backend_that_is_not_there_says_why(capsys):
    assert main(["bench", "--backend", "cupy"]) == 1
    assert "backend 'cupy' cannot be used: cupy is not installed" in capsys.readouterr().err


def test_the_clock_leaves_the_first_epoch_out(monkeypatch):
    class Model:
        backend = type("Backend", (), {"synchronize": staticmethod(lambda: None)})

    now = iter([100.0, 100.0, 101.0, 102.0, 102.0, 106.0, 106.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(now))
    clock = timing.Clock(2.0)
    assert not any(clock(Model, {}) for _ in range(4))  # ends at 100 (left out), 101, 102 and 106
    assert clock.times == [2 / (2 * timing.STEPS) * 1e6, 4 / timing.STEPS * 1e6]
