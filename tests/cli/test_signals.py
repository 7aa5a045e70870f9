"""Signals: Ctrl-C, SIGTERM and SIGHUP keep the best weights, and disturb no run that is written."""

import json
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import xpnet as xn
from xpnet.cli import progress
from xpnet.cli.signals import interrupting
from xpnet.runs import folder, training

from .runs import call, table

pytestmark = pytest.mark.usefixtures("tables")

pytest.importorskip("pandas", reason="the extra data is not installed")


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
    assert metrics["test"]["loss"] == pytest.approx(min(losses), rel=1e-5)
    out, _ = call("evaluate runs/digits-1 digits --json", capsys)
    assert json.loads(out)["scores"]["loss"] == pytest.approx(min(losses), rel=1e-5)


def test_ctrl_c_between_saving_and_scoring_says_where_the_run_is(capsys, monkeypatch):
    monkeypatch.setattr(progress.ProgressBar, "on_end", interrupt)
    monkeypatch.setattr(training.Run, "score", interrupt)
    err = call("train t.csv --target kind --epochs 1", capsys, 130).err
    assert err.splitlines()[-1].startswith(
        "xpnet: stopped after epoch 1; runs/t-1 has the weights of epoch 1"
    )
    assert Path("runs/t-1/model.xpnet").exists()


SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]


@pytest.fixture
def default_signals():
    """The handlers of a process that a shell starts, and those that the tests run under again afterwards."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield [signal.getsignal(number) for number in SIGNALS]
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to send")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_keeps_the_best_weights_so_far(number, default_signals, capsys, monkeypatch):
    """They are saved before they are scored, which may take longer than there is time."""
    watched, scored = progress.ProgressBar.on_epoch, training.score
    parts = []

    def stops(self, model, record):
        watched(self, model, record)
        if record["epoch"] == 3:
            signal.raise_signal(number)

    def late(*args):
        parts.append(json.loads(Path("runs/t-1/metrics.json").read_text())["test"])
        return scored(*args)

    monkeypatch.setattr(progress.ProgressBar, "on_epoch", stops)
    monkeypatch.setattr(training, "score", late)
    out, err = call("train t.csv --target kind", capsys, 128 + number)
    metrics = json.loads(Path("runs/t-1/metrics.json").read_text())
    losses = [float(row[2]) for row in table("runs/t-1/history.csv")[1:3]]  # the third is not judged yet
    best = losses.index(min(losses)) + 1
    says = f"xpnet: stopped after epoch 3; runs/t-1 has the weights of epoch {best}, the best so far"
    assert (out, err.splitlines()[-1]) == ("", says)
    assert (metrics["epochs"], metrics["stopped"]) == (3, best)
    assert metrics["test"]["loss"] == pytest.approx(min(losses), rel=1e-5)
    assert parts == [None, None]
    assert [signal.getsignal(number) for number in SIGNALS] == default_signals


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
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_saving_waits_for_the_run(number, default_signals, capsys, monkeypatch):
    save = folder.save

    def slowly(*args):
        signal.raise_signal(number)
        save(*args)

    monkeypatch.setattr(folder, "save", slowly)
    call("train t.csv --target kind --epochs 1 -q", capsys)
    assert Path("runs/t-1/model.xpnet").exists()
    assert [signal.getsignal(number) for number in SIGNALS] == default_signals


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP to ignore")
def test_a_signal_that_is_ignored_stays_so(default_signals, capsys, monkeypatch):
    """As nohup does, and as a program that calls the command has its own handlers."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    watched = progress.ProgressBar.on_epoch

    def hangs_up(self, model, record):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
        watched(self, model, record)

    monkeypatch.setattr(progress.ProgressBar, "on_epoch", hangs_up)
    call("train t.csv --target kind --epochs 2 -q", capsys)
    assert json.loads(Path("runs/t-1/metrics.json").read_text())["stopped"] is None
    assert heard == [signal.SIGTERM] * 2
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP to send")
def test_the_second_of_two_signals_at_once_interrupts_nothing(default_signals):
    with interrupting() as heard:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGHUP, signal.SIGTERM]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to send")
def test_signals_are_left_alone_in_other_threads(default_signals, capsys):
    with ThreadPoolExecutor() as pool:
        pool.submit(call, "train t.csv --target kind --epochs 1 -q", capsys).result()
    assert [signal.getsignal(number) for number in SIGNALS] == default_signals


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (training, "xpnet: stopped while t.csv was read"),
        (progress.ProgressBar, "xpnet: stopped before the end of an epoch, and nothing is kept"),
    ],
)
def test_a_stop_before_there_is_a_run(place, says, capsys, monkeypatch):
    monkeypatch.setattr(place, "read" if place is training else "on_begin", interrupt)
    assert call("train t.csv --target kind", capsys, 130).err.splitlines()[-1] == says
    assert not Path("runs").exists()
