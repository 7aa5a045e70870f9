"""The benchmark scripts: each runs for an instant, and who does not learn is named."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "ci" / "benchmarks"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by signals")


def script(name, *arguments, tmp_path):
    """(the finished process, what it wrote as JSON)."""
    file = tmp_path / "result.json"
    command = [sys.executable, str(name), "--quick", "--json", str(file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done, json.loads(file.read_text()) if file.exists() else None


def cells(out):
    """The first cell of every row of Markdown tables."""
    return [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]


@pytest.mark.sample(3, of="benchmarks")
def test_peers_compares_ours_with_the_installed_libraries(tmp_path):
    names = ["numpy", "numpy-portable", "sklearn", "torch-cuda"]
    only = [word for name in names for word in ("--only", name)]
    done, result = script(BENCHMARKS / "peers.py", *only, tmp_path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    small = result["networks"]["small"]
    rows = {row["contestant"]: row for row in small["rows"]}
    wanted = {"floor", "numpy", "numpy-portable"} | ({"sklearn"} if find_spec("sklearn") else set())
    assert wanted <= set(rows)
    assert set(rows) <= wanted | {"torch-cuda"}
    assert len(rows) + len(small["absent"]) == 5
    assert "numba" not in rows["numpy-portable"]["about"]
    for row in rows.values():
        assert len(row["times"]) == result["repeats"]
        assert row["us"] > 0
        assert row["strayed"] == ""
    assert {"matmuls alone", "xpnet numpy", "xpnet numpy, no Numba"} <= set(cells(done.stdout))
    assert "xpnet numpy / matmuls alone" in cells(done.stdout)
    assert len(small["floor_marks"]) == 3
    assert ("too noisy to conclude" in done.stdout) == small["noisy"]
    assert "its times prove nothing" in done.stdout
    for title in small["absent"]:
        assert f"- absent: {title} (" in done.stdout


@pytest.mark.sample(3, of="benchmarks")
def test_peers_takes_any_network(tmp_path):
    only = ("--only", "numpy-portable", "--size")
    done, result = script(BENCHMARKS / "peers.py", *only, "20-32-3:16", tmp_path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(result["networks"]) == {"20-32-3:16"}
    assert "## 20-32-3, batch 16" in done.stdout
    for wrong in ("huge", "20-3", "20:5", "20-0-3:5", "20-3:0"):
        done, _ = script(BENCHMARKS / "peers.py", *only, wrong, tmp_path=tmp_path)
        assert done.returncode == 2
        assert (
            f"{wrong!r} is none of 'small', 'medium', 'large', 'one', 'all' and no '784-512-512-10:128'"
            in done.stderr
        )


@pytest.mark.sample(3, of="benchmarks")
def test_peers_holds_this_build_against_another(tmp_path):
    """The other build is a copy of this one with another version, which its own row must show."""
    build = tmp_path / "build"
    shutil.copytree(ROOT / "xpnet", build / "xpnet", ignore=shutil.ignore_patterns("__pycache__"))
    with open(build / "xpnet" / "__init__.py", "a") as file:
        file.write('\n__version__ = "another"\n')
    arguments = ("--only", "numpy-portable", "--size", "one", "--build", str(build))
    done, result = script(BENCHMARKS / "peers.py", *arguments, tmp_path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["contestant"]: row for row in result["networks"]["one"]["rows"]}
    assert list(rows) == ["floor", "numpy-portable", "numpy-portable-build"]
    assert "xpnet another," in rows["numpy-portable-build"]["about"]
    assert "xpnet another," not in rows["numpy-portable"]["about"]
    (row,) = result["build"]["rows"]
    assert (row["network"], row["contestant"]) == ("one", "numpy-portable")
    assert row["low"] <= row["ratio"] <= row["high"]
    assert row["below"] == (row["low"] < 1.02)
    assert len(row["ratios"]) == result["repeats"]
    assert "numpy-portable, 2-3-1" in cells(done.stdout)


def test_peers_wants_a_checkout(tmp_path):
    done, _ = script(BENCHMARKS / "peers.py", "--build", str(tmp_path), tmp_path=tmp_path)
    assert done.returncode == 2
    assert "is no checkout of xpnet" in done.stderr


def test_the_medians_interval_is_distribution_free(monkeypatch):
    """By the binomial distribution: 15 values, the 4th and the 12th; fewer than 6, the range."""
    figures = contest(monkeypatch, "figures")
    assert figures.interval([*range(15, 0, -1)]) == (4, 12)
    assert figures.interval([*range(1, 7)]) == (1, 6)
    assert figures.interval([*range(1, 10)]) == (2, 8)
    assert figures.interval([2.0]) == (2.0, 2.0)


OTHER_NUMBERS = """
import numpy

_generator = type(numpy.random.default_rng(0))
numpy.random.default_rng = lambda *seed: _generator(numpy.random.SFC64(5))
"""


@pytest.mark.sample(3, of="benchmarks")
def test_another_checkout_has_the_same_bits_or_is_told_where_not(tmp_path):
    build = tmp_path / "build"
    shutil.copytree(ROOT / "xpnet", build / "xpnet", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, str(ROOT / "ci" / "same_bits.py"), "--build", str(build)]
    only = [*command, "--only", "sgd, nesterov, float64, natives=False"]
    done = subprocess.run(only, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 results, 0 differ, 0 are in one build only\n"
    with open(build / "xpnet" / "optim" / "__init__.py", "a") as file:
        file.write(OTHER_NUMBERS)
    done = subprocess.run(only, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[0] == "differs: sgd, nesterov, float64, natives=False"
    done = subprocess.run([*command, "--only", "no such result"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no result has a name with this text" in done.stderr


PLANTED = """\
import sys

sys.path[:0] = [{benchmarks!r}, {workers!r}]
import peers
from contest.processes import Contestant

peers.CONTESTANTS = {{
    "floor": peers.CONTESTANTS["floor"],
    "numpy": peers.CONTESTANTS["numpy"],
    "idle": Contestant("an idle one", {idle!r}),
    "missing": Contestant("a missing one", {missing!r}),
    "broken": Contestant("a broken one of ours", {missing!r}, ours=True),
}}
sys.exit(peers.main())
"""

IDLE = """\
import sys

sys.path.insert(0, {workers!r})
import task
from peer_floor import Floor
from talk import serve


class Idle(Floor):
    def weights(self):
        return task.weights(self.task)


serve(Idle)
"""


@pytest.mark.sample(3, of="benchmarks")
def test_a_contestant_that_fails_or_does_not_learn_is_an_error(tmp_path):
    """An idle contestant is planted, one whose library is missing, and one of ours that is broken."""
    workers = str(BENCHMARKS / "workers")
    (tmp_path / "idle.py").write_text(IDLE.format(workers=workers))
    (tmp_path / "missing.py").write_text("print('to be ignored')\nimport no_such_library\n")
    names = {"idle": str(tmp_path / "idle.py"), "missing": str(tmp_path / "missing.py")}
    planted = tmp_path / "planted.py"
    planted.write_text(PLANTED.format(benchmarks=str(BENCHMARKS), workers=workers, **names))
    done, result = script(planted, tmp_path=tmp_path)
    assert done.returncode == 1, done.stderr
    rows = {row["contestant"]: row for row in result["networks"]["small"]["rows"]}
    assert list(rows) == ["floor", "numpy", "idle"]
    assert rows["numpy"]["strayed"].startswith("learned something else") or rows["numpy"]["strayed"] == ""
    assert rows["idle"]["strayed"].startswith("did not learn: its loss went from")
    assert "- **an idle one did not learn: its loss went from" in done.stdout
    absent = "No module named 'no_such_library'"
    assert result["networks"]["small"]["absent"] == dict.fromkeys(
        ("a missing one", "a broken one of ours"), absent
    )
    assert "- **failed: a broken one of ours**" in done.stdout
    assert "failed: a missing one" not in done.stdout


@pytest.mark.parametrize(
    ("losses", "wanted"),
    [
        ({"a": 1.0, "b": 1.01, "floor": None}, {}),
        ({"a": 1.0, "b": 1.0, "c": 1.03}, {"c": "learned something else: its loss 1.0300 is +3.0% off"}),
        ({"a": 1.0, "b": 1.0, "c": 0.9}, {"c": "learned something else: its loss 0.9000 is -10.0% off"}),
        ({"a": 1.0, "b": 1.0, "c": float("nan")}, {"c": "did not learn"}),
        ({"a": 1.9, "b": 1.9}, {"a": "did not learn", "b": "did not learn"}),
        ({}, {}),
    ],
)
def test_losses_are_held_against_the_median_and_the_beginning(monkeypatch, losses, wanted):
    rounds = contest(monkeypatch, "rounds")
    found = rounds.strayed(losses, 2.0)
    assert list(found) == list(wanted)
    for key, said in wanted.items():
        assert found[key].startswith(said)


def contest(monkeypatch, name):
    """A module of the driver's."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from importlib import import_module

    return import_module(f"contest.{name}")


def test_ratios_are_taken_round_by_round_and_noise_is_called_noise(monkeypatch):
    figures = contest(monkeypatch, "figures")
    assert figures.ratio([2.0, 4.0, 40.0], [1.0, 2.0, 20.0]) == 2.0
    assert figures.spread([1.0, 1.0, 1.0]) == 0.0
    assert figures.spread([1.0, 2.0, 3.0]) == pytest.approx(0.5)
    assert figures.verdict([10.0, 11.0, 10.5]).startswith("quiet enough: the floor moved by 10%")
    assert figures.verdict([10.0, 12.0, 10.0]).startswith("**the machine was too noisy to conclude**")
    assert figures.verdict([10.0, 10.0], [10.0, 10.0, 20.0, 20.0]).startswith("**the machine was too noisy")
    assert not figures.noisy([10.0, 11.0], [10.0, 10.0, 10.0, 10.5, 30.0])
    assert figures.table(("a", "b"), [("x", 1)]) == "| a | b |\n|---|---:|\n| x | 1 |"


@pytest.mark.sample(3, of="benchmarks")
def test_start_has_a_row_for_every_claim(tmp_path):
    done, result = script(BENCHMARKS / "start.py", tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [row["what"] for row in result["rows"]]
    for start in (
        "import numpy",
        "import xpnet",
        "start of the process to the end of the first epoch of digits",
        "predict one row, 64-64-10",
        "a step of 2-3-1, one sample",
        "peak memory of fit",
        "a step of xpnet numpy, every core busy",
    ):
        assert [what for what in rows if what.startswith(start)], f"no row for {start}"
    assert cells(done.stdout)[1:] == rows
    assert sum(row["limit"] is not None for row in result["rows"]) == 6
    for row in result["rows"]:
        assert row["found"] > 0
        assert row["ratio"] is None or row["ratio"] > 0


@pytest.mark.sample(3, of="benchmarks")
@pytest.mark.skipif(sys.platform != "linux", reason="a process's own memory is read from /proc")
def test_stream_holds_files_against_memory(tmp_path):
    done, result = script(BENCHMARKS / "stream.py", tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["samples"] for row in result["rows"]] == [1_000, 4_000]
    ways = {"memory", "file", "batches"}
    for row in result["rows"]:
        assert row["same"]
        assert set(row["seconds"]) == set(row["mib"]) == ways
        assert min(row["seconds"].values()) > 0
    assert result["refused"] == dict.fromkeys(ways, False)  # 12 MiB of samples, and 96 for everybody
    assert len(cells(done.stdout)) == 1 + 2 * len(ways)
    assert "its times prove nothing" in done.stdout


def test_activations_are_held_against_their_twins(tmp_path):
    pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
    only = ["--only", "silu", "--only", "gelu, by tanh"]
    done, result = script(BENCHMARKS / "activations.py", *only, tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["activation"] for row in result] == ["silu", "gelu, by tanh"] == cells(done.stdout)[1:]
    for row in result:
        assert row["same"]
        assert {"portable, forward", "portable, both", "native, forward", "native, both"} <= set(row)
    assert "its times prove nothing" in done.stdout


def test_activations_of_dense_layers_are_timed_partitioned(tmp_path):
    pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
    only = ["--cores", "all", "--only", "elu", "--only", "gelu, by tanh"]
    done, result = script(BENCHMARKS / "activations.py", *only, tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["activation"] for row in result] == ["elu", "gelu, by tanh"] == cells(done.stdout)[1:]
    ways = {f"{part}, {who}" for part in ("forward", "backward") for who in ("whole", "partitioned")}
    assert all(row[way] > 0 for row in result for way in ways)
    assert "its times prove nothing" in done.stdout
