"""Runs that are refused or end early: nothing is replaced, no half folder is left, the best weights are kept."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import xpnet as xn
from xpnet.cli import progress
from xpnet.runs import folder, training

from .runs import call, table

pytestmark = pytest.mark.usefixtures("tables")

pytest.importorskip("pandas", reason="the extra data is not installed")

FILES = ["config.toml", "history.csv", "loss.png", "metrics.json", "model.xpnet"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epochz = 3", "c.toml: setting 'epochz' is unknown: did you mean 'epochs'?"),
        ("epochs = 'three'", 'c.toml: epochs = "three": int was wanted'),
        ("task = 'regresion'", "c.toml: task 'regresion' is unknown: did you mean 'regression'?"),
        ("hidden = [8, 0]", "c.toml: hidden [8, 0] is not a list of layer sizes"),
        ("epochs = ", "c.toml: Invalid value"),
    ],
)
def test_a_wrong_configuration_is_named(text, says, capsys):
    Path("c.toml").write_text(text)
    assert says in call("train digits --config c.toml", capsys, 2).err


def test_nothing_is_replaced_without_force(capsys):
    quick = "train t.csv --target kind --epochs 1 -q --output out"
    call(quick, capsys)
    Path("out/mine.txt").write_text("kept")
    before = Path("out/model.xpnet").read_bytes()
    assert "the folder 'out' is not empty" in call(f"{quick} --seed 1", capsys, 2).err
    assert Path("out/model.xpnet").read_bytes() == before
    call(f"{quick} --seed 1 --force", capsys)
    assert Path("out/model.xpnet").read_bytes() != before
    assert sorted(path.name for path in Path("out").iterdir()) == sorted([*FILES, "mine.txt"])

    call("predict out t.csv -o p.csv -q", capsys)
    written = Path("p.csv").read_text()
    Path("p.csv").write_text("mine")
    assert "p.csv is there already" in call("predict out t.csv -o p.csv", capsys, 2).err
    assert Path("p.csv").read_text() == "mine"
    assert call("predict out t.csv -o p.csv --force", capsys) == ("", "120 predictions in p.csv\n")
    assert Path("p.csv").read_text() == written


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("train t.cvs", 2, "data 't.cvs' does not exist: did you mean 't.csv'?"),
        ("train nowhere/t.csv", 2, "data 'nowhere/t.csv' does not exist"),
        ("train t.csv --target knid", 2, "t.csv: target 'knid' is unknown: did you mean 'kind'?"),
        ("train t.csv --task regression", 1, "t.csv: target 'kind' holds text"),
        ("train t.csv --held-out 1.5", 2, "held_out 1.5 must be a share"),
        ("train -t.csv", 2, "'-t.csv' looks like an option: write ./-t.csv for the file"),
        ("train few.csv", 1, "few.csv: held_out 0.2 of 4 samples leaves one side empty"),
        ("train digits --held-out 0.5", 1, "digits has its own samples held out"),
        ("train digits --target kind", 1, "only the columns of a CSV file have names"),
        ("train t.csv --output t.csv/x", 1, "is a file: choose a folder for the run"),
        ("train t.csv --output /proc/xpnet", 1, "the folder '/proc' cannot be written to"),
        ("train --config no.toml", 1, "no.toml: No such file or directory"),
        ("predict t.csv t.csv", 1, "t.csv: this is not a model file"),
        ("predict t.cs t.csv", 2, "model 't.cs' does not exist: did you mean 't.csv'?"),
        ("inspect zzz", 2, "model 'zzz' does not exist"),
        ("backends --probe nunpy", 2, "backend 'nunpy' is unknown: did you mean 'numpy'?"),
    ],
)
def test_an_error_is_one_sentence(line, status, says, capsys):
    out, err = call(line, capsys, status)
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize("limit", [100, 30_000])
def test_a_disk_that_is_full_leaves_no_half_run(limit):
    """A limit on the size of files is to a writer what a full disk is."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "from xpnet.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    pytest.importorskip("resource", reason="no such limits on this system")
    line = "train t.csv --target kind --epochs 1 -q"
    done = subprocess.run([sys.executable, "-c", code, *shlex.split(line)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "file too large" in done.stderr.lower()
    assert done.stderr.count("\n") == 1
    assert "held out" in done.stdout  # the scores are not lost
    assert list(Path("runs").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_keeps_the_best_weights_so_far(capsys):
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from xpnet.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    line = "train digits --hidden 256,256 --epochs 30"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code, *shlex.split(line)], stdout=pipe, stderr=pipe, text=True
    ) as process:
        for said in process.stderr:
            if said.startswith("epoch"):
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    history = table("runs/digits-1/history.csv")
    last = err.splitlines()[-1]
    losses = [float(row[2]) for row in history[1:]]
    metrics = json.loads(Path("runs/digits-1/metrics.json").read_text())
    best = losses.index(min(losses)) + 1
    assert (
        last
        == f"xpnet: stopped after epoch {len(losses)}; runs/digits-1 has the weights of epoch {best}, the best so far"
    )
    assert "Traceback" not in err
    assert (metrics["epochs"], metrics["stopped"]) == (len(losses), best)
    out, _ = call("evaluate runs/digits-1 digits --json", capsys)
    assert json.loads(out)["scores"]["loss"] == pytest.approx(min(losses), rel=1e-5)


def interrupt(*args, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("stopped", "kept"), [(True, 1), (False, 2)])
def test_ctrl_c_while_scoring_keeps_the_run(stopped, kept, capsys, monkeypatch):
    """A second one, or one after the last epoch: the model is saved, and has no scores."""
    if stopped:
        watched = progress.ProgressBar.on_epoch
        monkeypatch.setattr(
            progress.ProgressBar,
            "on_epoch",
            lambda self, model, record: interrupt() if record["epoch"] == 2 else watched(self, model, record),
        )
    monkeypatch.setattr(training, "score", interrupt)
    out, err = call("train t.csv --target kind --epochs 2", capsys, 130)
    assert out == ""
    assert f"stopped after epoch 2; runs/t-1 has the weights of epoch {kept}" in err
    metrics = json.loads(Path("runs/t-1/metrics.json").read_text())
    assert (metrics["epochs"], metrics["stopped"]) == (2, kept)
    assert metrics["train"] is metrics["test"] is None
    assert xn.load("runs/t-1/model.xpnet").history.epochs == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_while_saving_waits_for_the_run(capsys, monkeypatch):
    before, save = signal.getsignal(signal.SIGINT), folder.save

    def slowly(*args):
        signal.raise_signal(signal.SIGINT)
        save(*args)

    monkeypatch.setattr(folder, "save", slowly)
    call("train t.csv --target kind --epochs 1 -q", capsys)
    assert Path("runs/t-1/model.xpnet").exists()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("closed", ["1", "2", "1>&- 2"])
def test_output_that_was_closed_before_the_start_is_as_none(closed):
    line = f'exec "$0" -m xpnet train t.csv --epochs 1 --json {closed}>&-'
    done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done
    assert Path("runs/t-1/model.xpnet").exists()
    if closed == "2":
        assert json.loads(done.stdout)["epochs"] == 1


def test_two_runs_at_once_take_two_folders(monkeypatch):
    """The other takes the name between the choice of it and its use."""

    def fill(stage):
        (stage / "model.xpnet").write_text("mine")
        if not Path("runs/a-1").exists():
            Path("runs/a-1").mkdir()
            Path("runs/a-1/model.xpnet").write_text("theirs")

    assert folder.write(None, "a", fill) == Path("runs/a-2")
    assert Path("runs/a-1/model.xpnet").read_text() == "theirs"
