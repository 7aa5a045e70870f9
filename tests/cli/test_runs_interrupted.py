"""Runs that are refused or end early: nothing is replaced, no half folder is left, the best weights are kept."""

import errno
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from xpnet.runs import folder
from xpnet.runs import predict as predictions

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
    assert "p.csv already exists" in call("predict out t.csv -o p.csv", capsys, 2).err
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
        ("train few.csv --held-out 0.1", 1, "few.csv: held_out 0.1 of 4 samples holds out none"),
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


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
def test_two_runs_at_once_of_one_output(there, capsys, monkeypatch):
    """The later one is kept beside the earlier one."""
    save, taken = folder.save, Path("deep/same")
    if there:
        taken.mkdir(parents=True)

    def later(stage, *args):
        if not (taken / "model.xpnet").exists():
            folder.write(taken, "t", lambda other: (other / "model.xpnet").write_text("theirs"))
        save(stage, *args)

    monkeypatch.setattr(folder, "save", later)
    out, err = call("train t.csv --target kind --epochs 1 --output deep/same --json", capsys)
    assert "another run is in deep/same by now: this one is in deep/same-2" in err
    assert json.loads(out)["output"] == "deep/same-2"
    assert (taken / "model.xpnet").read_text() == "theirs"
    assert sorted(path.name for path in Path("deep/same-2").iterdir()) == FILES
    assert sorted(path.name for path in Path("deep").iterdir()) == ["same", "same-2"]


@pytest.mark.parametrize(("full", "kept"), [(["out"], "runs/t-1"), (["out", "runs"], "temporary/xpnet-t")])
def test_a_run_whose_folder_cannot_be_written_is_kept_elsewhere(full, kept, capsys, monkeypatch, tmp_path):
    save = folder.save

    def no_space(stage, *args):
        if stage.absolute().relative_to(tmp_path).parts[0] in full:
            raise OSError(errno.ENOSPC, "No space left on device", str(stage))
        save(stage, *args)

    Path("temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(folder, "save", no_space)
    out, err = call("train t.csv --target kind --epochs 1 --output out/a", capsys, 1)
    last = err.splitlines()[-1]
    kept = kept if "runs" not in full else tmp_path / kept
    assert last.startswith("xpnet: path 'out/a' cannot be written, no space left on device: ")
    assert last.endswith(f"; the run is in {kept}")
    assert ".part" not in err
    assert "held out" in out
    assert sorted(path.name for path in Path(kept).iterdir()) == FILES
    assert list(Path("out").iterdir()) == []


def test_a_replacement_that_was_killed_is_completed_and_said(capsys):
    call("train t.csv --target kind --epochs 1 -q --output out", capsys)
    Path("out/.run.cleared").mkdir()
    Path("out/model.xpnet").rename("out/.run.cleared/model.xpnet")  # as a kill leaves it
    says = "out: the command that replaced this run was killed; the new run was complete and is in place now"
    assert call("inspect out", capsys).err == f"{says}\n"
    Path("out").rename("old")
    Path("old/.run.cleared").mkdir()
    Path("old/model.xpnet").rename("old/.run.cleared/model.xpnet")
    err = call("train t.csv --target kind --epochs 1 --output old", capsys, 2).err
    assert err.splitlines()[0] == says.replace("out:", "old:")
    assert "the folder 'old' is not empty" in err
    Path("old/.run.cleared").mkdir()
    Path("old/config.toml").rename("old/.run.cleared/config.toml")
    assert says.replace("out:", "old:") in call("train --config old/config.toml --no-save", capsys).err


def test_predictions_replace_no_file_that_came_meanwhile(capsys, monkeypatch):
    call("train t.csv --target kind --epochs 1 -q --output out", capsys)
    predict = predictions.predict

    def slowly(*args, **options):
        Path("p.csv").write_text("theirs")
        return predict(*args, **options)

    monkeypatch.setattr(predictions, "predict", slowly)
    out, err = call("predict out t.csv -o p.csv --json", capsys)
    assert err.splitlines()[-2:] == [
        "p.csv is there by now: the predictions are in p-2.csv",
        "120 predictions in p-2.csv",
    ]
    assert json.loads(out)["output"] == "p-2.csv"
    assert Path("p.csv").read_text() == "theirs"
    assert len(table("p-2.csv")) == 121


@pytest.mark.parametrize("letter", ["t", "ü"])
def test_the_name_of_a_data_file_may_be_as_long_as_any(letter, capsys):
    longest = letter * (251 // len(letter.encode()))
    Path("t.csv").rename(f"{longest}.csv")
    call(f"train {longest}.csv --target kind --epochs 1 -q", capsys)
    assert [path.name for path in Path("runs").iterdir()] == [f"{letter * (200 // len(letter.encode()))}-1"]
