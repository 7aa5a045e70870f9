"""The command line: what it prints where, and its exit status."""

import io
import json
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import xpnet
from xpnet import testing
from xpnet.cli import COMMANDS, TRY, main, parse, progress

KEYS = [
    "backend",
    "device",
    "seed",
    "epochs",
    "stopped",
    "baseline",
    "baseline_says",
    "train",
    "test",
    "seconds",
    "samples_per_second",
    "first_epoch_seconds",
    "output",
]
QUICK = ["train", "digits", "--backend", "numpy", "--epochs", "2", "--hidden", "16", "--no-save"]


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where a run goes
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # which the command sets, and a test may not leave behind
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.delenv("XPNET_BACKEND", raising=False)
    monkeypatch.delenv("XPNET_DEVICE", raising=False)


def start(*args):
    """The command as a process of its own, in which SIGINT is Ctrl-C whatever the tests were started from."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from xpnet.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, *args], stdout=pipe, stderr=pipe, text=True)


def test_defaults_learn_the_digits_and_json_is_all_of_standard_output():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "xpnet", "train", "digits", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    result = json.loads(done.stdout)
    assert list(result) == KEYS
    assert list(result["train"]) == list(result["test"]) == ["loss", "accuracy"]
    assert (result["seed"], result["epochs"]) == (0, 40)
    assert result["test"]["accuracy"] > 0.955
    assert result["baseline"] == pytest.approx(36 / 359)
    assert result["first_epoch_seconds"] > 0
    assert result["samples_per_second"] == pytest.approx(40 * 1438 / result["seconds"])
    said = done.stderr.splitlines()
    assert said[0] == f"backend {result['backend']} on {result['device']}"
    assert [line.split()[1] for line in said[2:-1]] == [f"{epoch}/40" for epoch in range(4, 41, 4)]
    assert said[-1].startswith("saved in runs/digits-1: ")
    assert result["output"] == "runs/digits-1"
    assert json.loads(Path("runs/digits-1/metrics.json").read_text()).items() <= result.items()


def test_quiet_prints_the_table_alone(capsys):
    assert main([*QUICK, "-q"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.partition("  ")[0] for line in out.splitlines()[1:]] == [
        "train",
        "held out",
        "baseline",
        out.splitlines()[-1],
    ]
    assert re.fullmatch(r"trained in [\d.]+ seconds, [\d,]+ samples/s", out.splitlines()[-1])
    assert "10.03%  always predicting 1" in out


def test_quiet_json_prints_the_object_alone(capsys):
    assert main([*QUICK, "-q", "--json", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["seed"] == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_that_ends_whole(monkeypatch, capsys):
    pytest.importorskip("rich", reason="the extra cli is not installed")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm-256color")
    assert main(QUICK) == 0
    *_, last, end = sys.stderr.getvalue().split("\n")
    assert "\r" in last
    assert re.search(r"epoch 2/2  loss \d\.\d{4}  held out [\d.]+% right", last)
    assert end == "\x1b[?25h"  # the cursor is shown again
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["rich", None])
def test_without_rich_or_with_quiet_there_is_no_bar(missing, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    if missing:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(QUICK if missing else [*QUICK, "-q"]) == 0
    said = sys.stderr.getvalue()
    assert "\x1b" not in said
    assert ("epoch 1/2" in said) == bool(missing)


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("trian", 2, "command 'trian' is unknown: did you mean 'train'?"),
        ("train", 2, "DATA is missing: xpnet train digits"),
        ("train digit", 2, "data 'digit' is unknown: did you mean 'digits'?"),
        ("train -- digits --epochs 3", 2, "'--epochs' is one argument too many"),
        ("train digits --epoch 3", 2, "option '--epoch' is unknown: did you mean '--epochs'?"),
        ("train digits --batchsize=3", 2, "option '--batchsize' is unknown: did you mean '--batch-size'?"),
        ("train digits --learning-rate 1", 2, "option '--learning-rate' is unknown: did you mean '--lr'?"),
        ("train digits --patience 3", 2, "option '--patience' is unknown: known are"),
        ("fit digits", 2, "command 'fit' is unknown: did you mean 'train'?"),
        ("--frobnicate", 2, "option '--frobnicate' is unknown"),
        ("train digits more", 2, "'more' is one argument too many"),
        ("train digits --hidden 12,x", 2, "hidden '12,x' is not a list of layer sizes"),
        ("train digits --hidden 12,0", 2, "hidden '12,0' is not a list of layer sizes"),
        ("train digits --epochs many", 2, "--epochs: invalid int value: 'many'"),
        ("train digits --dtype float16", 2, "--dtype: invalid choice: 'float16'"),
        ("train digits --backend nunpy", 2, "backend 'nunpy' is unknown: did you mean 'numpy'?"),
        ("train digits --backend numpy --device gpu -q", 1, "device 'gpu' is not one of backend 'numpy'"),
        ("train digits --backend numpy --epochs 0 -q", 2, "epochs 0 must be a positive integer"),
        ("train digits --backend numpy --batch-size 0", 2, "batch_size 0 must be a positive integer"),
        ("train digits --backend numpy --seed -1 -q", 2, "seed -1 must be"),
        ("train digits --backend numpy --lr -1 -q", 2, "lr -1.0 must be"),
        ("train digits --backend numpy --weight-decay nan", 2, "weight_decay nan must be"),
        ("train nope.csv", 2, "data 'nope.csv' does not exist"),
        ("train no/digits", 2, "data 'no/digits' does not exist"),
        ("train digits --backend numpy --lr 1e9 -q", 1, "the loss exploded in epoch 1"),
        ("train digits --backend numpy --hidden 99999999999999 -q", 1, "do not fit into memory"),
        ("test-backend", 2, "the following arguments are required: name"),
        ("test-backend nunpy", 2, "backend 'nunpy' is unknown: did you mean 'numpy'?"),
    ],
)
def test_errors_are_a_line_or_two(line, status, says, capsys):
    assert main(shlex.split(line)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("xpnet: ")
    assert says in err
    assert err.count("\n") == 1 or err.count("\n") == 2 == status


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is installed")
@pytest.mark.parametrize("command", ["train digits --backend cupy", "test-backend cupy"])
def test_a_backend_that_is_not_there_says_why(command, capsys):
    assert main(shlex.split(command)) == 1
    assert "backend 'cupy' cannot be used: cupy is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["-v train digits --device gpu", "train digits --device gpu --verbose"])
def test_verbose_shows_the_traceback(line, capsys):
    assert main([*shlex.split(line), "--backend", "numpy"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("xpnet: device 'gpu' is not one of backend 'numpy'")


def test_alone_it_prints_five_commands_that_exist(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == f"{TRY}\n"
    commands = [shlex.split(line.split("  ")[0]) for line in TRY.splitlines()]
    assert len(commands) == 5
    for program, *args in commands[:-1]:
        assert program == "xpnet"
        assert parse(args).command in COMMANDS
    assert main(commands[-1][1:]) == 0


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"xpnet {xpnet.__version__}\n"


def test_help_and_wrong_options_import_no_numpy():
    code = (
        "import sys; from xpnet.cli import main; "
        "codes = [main(line.split()) for line in ('--help', 'train --help', 'train digits --epoch 3', '')]; "
        "sys.exit(codes != [0, 0, 2, 0] or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
@pytest.mark.parametrize(("args", "status"), [([*QUICK, "-q"], 141), (["--help"], 0), ([], 141)])
def test_a_reader_that_goes_away_hears_nothing(args, status):
    with start(*args) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "xpnet"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "xpnet: No space left on device\n")


@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_float64_on_jax_is_switched_on(monkeypatch):
    monkeypatch.delenv("JAX_ENABLE_X64")
    line = "train digits --backend jax --dtype float64 --epochs 1 --hidden= -q --json --no-save"
    with start(*shlex.split(line)) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["backend"] == "jax"


def test_age_of_the_process_without_proc(monkeypatch):
    def refuse(*args):
        raise FileNotFoundError

    assert progress.process_age() > 0
    monkeypatch.setattr("builtins.open", refuse)
    assert progress.process_age() > 0


def test_test_backend_counts_rows_and_shows_failures(monkeypatch, capsys):
    outcomes = [
        testing.Outcome("relu", "linearity", "float32", "passed", ""),
        testing.Outcome("relu", "linearity", "float64", "absent", "no float64 here"),
        testing.Outcome("softmax", "linearity", "float32", "failed", "off by 1\nat (0, 0)"),
        testing.Outcome("softmax", "linearity", "float64", "passed", ""),
    ]
    monkeypatch.setattr(testing, "run_table", lambda *args: iter(outcomes))
    assert main(["test-backend", "numpy"]) == 1
    assert [re.sub(" {2,}", "  ", line) for line in capsys.readouterr().out.splitlines()] == [
        "relu  1 passed  1 absent",
        "softmax  1 passed  1 failed",
        "  linearity, float32: off by 1",
        "  at (0, 0)",
        "1 absent: no float64 here",
        "2 passed, 1 failed",
    ]
    monkeypatch.setattr(testing, "run_table", lambda *args: iter(outcomes[:2]))
    assert main(["test-backend", "numpy"]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed\n")
    monkeypatch.setattr(testing, "run_table", lambda *args: iter([]))
    assert main(["test-backend", "numpy"]) == 1  # what proves nothing is no success


@pytest.mark.sample(1, of="whole tables")
def test_test_backend_passes_on_numpy(capsys):
    assert main(["test-backend", "numpy"]) == 0
    assert re.search(r"^[1-9]\d* passed, 0 failed$", capsys.readouterr().out, re.MULTILINE)
