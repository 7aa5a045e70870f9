"""The command in a terminal: one whole line of progress at any width, large files announced, any encoding."""

import argparse
import errno
import io
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import progress, shared

from .runs import call, write

pytestmark = pytest.mark.usefixtures("tables")


class Screen:
    """A terminal that breaks its lines anew where its width changes, as most do: its lines, and a cursor in one."""

    def __init__(self, columns):
        self.columns, self.lines, self.row, self.column = columns, [""], 0, 0
        self.encoding = "utf-8"

    def isatty(self):
        return True

    def fileno(self):
        raise OSError("no file")

    def flush(self):
        pass

    def write(self, text):
        for escape, char in re.findall(r"(\x1b\[[\d;?]*[A-Za-z])|(.|\n)", text):
            if char == "\r":
                self.column -= (
                    self.column and (self.column - 1) % self.columns + 1
                )  # to the beginning of the row
            elif char == "\n":  # one row down, which may be a further row of the same line
                self.column += self.columns
                if self.column >= len(self.lines[self.row]):
                    self.row, self.column = self.row + 1, 0
                    self.lines += [""] * (self.row == len(self.lines))
            elif char:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + char + line[self.column + 1 :]
                self.column += 1
            elif escape == "\x1b[J":
                self.lines[self.row :] = [self.lines[self.row][: self.column]]
            elif escape == "\x1b[2K":
                start = self.column - self.column % self.columns
                line = self.lines[self.row]
                self.lines[self.row] = line[:start] + " " * self.columns + line[start + self.columns :]


def test_the_screen_tears_a_line_that_is_drawn_without_care():
    screen = Screen(20)
    screen.write("epoch 1 of a long one")
    screen.columns = 12
    screen.write("\r\x1b[2Kepoch 2")
    assert "epoch 1" in screen.lines[0]


@pytest.mark.parametrize("widths", [(100, 60, 34), (50, 60, 120), (80, 79, 12)])
def test_a_line_of_progress_stays_whole_when_the_window_changes(widths, monkeypatch):
    pytest.importorskip("rich", reason="the extra cli is not installed")
    screen = Screen(widths[0])
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *stream: os.terminal_size((screen.columns, 24)))
    bar = progress.ProgressBar(argparse.Namespace(quiet=False), 30)
    for epoch in range(1, 31):
        screen.columns = widths[min(2, epoch // 10)]
        if epoch == 1:
            bar.on_begin(None)
            bar.bar.live.auto_refresh = False
        bar.on_epoch(None, {"epoch": epoch, "loss": 0.1234, "val_accuracy": 0.985})
        bar.bar.refresh()
        text = "\n".join(screen.lines)
        assert text.count("epoch") <= 1, text
        assert len(screen.lines[-1].rstrip()) <= screen.columns
    bar.on_end(None)
    line = text.strip()
    assert line.startswith("epoch 30/30"[: max(0, screen.columns - 13)])
    assert line.endswith(" 0:00:00")
    assert ("held out 98.5% right" in line) == (screen.columns > 60)


@pytest.mark.parametrize(
    ("width", "shown"),
    [(30, "epoch 3/9  loss 0.1  held out 5"), (20, "epoch 3/9  loss 0.1"), (11, "epoch 3/9"), (4, "epoc"), (-2, "")],
)  # fmt: skip
def test_a_line_that_is_too_long_loses_its_last_parts(width, shown):
    assert progress.fitted("epoch 3/9  loss 0.1  held out 5", width + (width == 30)) == shown


def test_a_terminal_that_is_gone_ends_no_training(monkeypatch, capsys, request):
    class Gone(Screen):
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

        def flush(self):
            self.write("")

        def fileno(self):
            return null.fileno()

    null = open(os.devnull, "w")  # noqa: SIM115 - pytest closes it
    request.addfinalizer(null.close)
    monkeypatch.setattr(sys, "stderr", Gone(80))
    monkeypatch.setenv("TERM", "xterm-256color")
    assert call("train digits --hidden 8 --epochs 2 --json", capsys).out.startswith("{")
    assert Path("runs/digits-1/model.xpnet").exists()


def test_a_large_file_is_announced_before_it_is_read(capsys, monkeypatch):
    monkeypatch.setattr(shared, "LARGE_FILE_BYTES", 3000)
    x = np.random.default_rng(0).random((500, 2))
    np.savez("large.npz", x=x, y=np.arange(500) % 2)
    size = f"{os.path.getsize('large.npz') / 1e6:.0f}"
    first = f"reading large.npz, {size} MB..."
    assert call("train large.npz --epochs 1", capsys).err.splitlines()[0] == first
    for command in ("evaluate", "predict"):
        assert call(f"{command} runs/large-1 large.npz", capsys).err.splitlines()[0] == first
    write("small.csv", ["x", "y"], [[i, i % 2] for i in range(40)])
    for line in ("train large.npz --epochs 1 -q", "train digits --epochs 1", "train small.csv --epochs 1"):
        assert "reading" not in call(line, capsys).err


@pytest.mark.parametrize("verbose", [False, True])
def test_the_choice_of_the_backend_is_explained_to_those_who_ask(verbose, capsys, monkeypatch):
    monkeypatch.setenv("XPNET_BACKEND", "numpy")
    err = call(f"train digits --epochs 1 --no-save {'-v' * verbose}", capsys).err
    first = err.splitlines()[0]
    assert first.startswith("backend numpy on cpu")
    assert ("XPNET_BACKEND" in first) == verbose


def test_an_output_that_lacks_characters_is_escaped_or_refused_by_name(monkeypatch, capsys):
    """As where LC_ALL is C and Python's UTF-8 mode is off."""
    model = xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer="adam", backend="numpy")
    model.fit(np.arange(60)[:, None], np.array(["nö", "ja"] * 30), epochs=1)
    model.save("m")
    np.savez("x.npz", x=np.arange(60)[:, None])

    def run(line, status=0):
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
            err = call(line, capsys, status).err
            return sys.stdout.buffer.getvalue(), err

    assert rb"2 labels: 'ja', 'n\xf6'" in run("inspect m")[0]
    out, err = run("predict m x.npz --proba", 1)  # whose escapes would be other labels
    assert out == b""
    assert err == "xpnet: the output's encoding, ascii, has no '\\xf6': set PYTHONIOENCODING=utf-8\n"
    assert "probability of nö" in json.loads(run("predict m x.npz --proba --json")[0])
    run("predict m x.npz --proba -o p.csv -q")
    assert "nö" in Path("p.csv").read_text(encoding="utf-8")
