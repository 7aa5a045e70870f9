"""From a CSV file to predictions on the command line: what is written, repeated and kept."""

import csv
import io
import json
import struct
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import COMMANDS

from .runs import call, table, write

pytestmark = pytest.mark.usefixtures("tables")

pytest.importorskip("pandas", reason="the extra data is not installed")

FILES = ["config.toml", "history.csv", "loss.png", "metrics.json", "model.xpnet"]


def test_a_table_from_training_to_predictions(capsys):
    out, err = call("train t.csv --target kind --epochs 40", capsys)
    assert "target 'kind' has 2 different texts: classification" in err
    assert "missing numbers become the mean, and a feature marks them: length" in err
    assert "missing texts become a category of their own: town" in err
    assert float(out.splitlines()[2].split()[-1].rstrip("%")) > 85
    assert sorted(path.name for path in Path("runs/t-1").iterdir()) == FILES
    assert [path.name for path in Path("runs").iterdir()] == ["t-1"]
    assert tomllib.loads(Path("runs/t-1/config.toml").read_text())["held_out"] == 0.2
    assert table("runs/t-1/history.csv")[0] == ["epoch", "loss", "val_loss", "val_accuracy"]
    assert len(table("runs/t-1/history.csv")) == 41

    out, err = call("predict runs/t-1 t.csv --proba", capsys)
    names, *rows = csv.reader(io.StringIO(out))
    assert names == ["prediction", "probability of slim", "probability of wide"]
    truth = [row[-1] for row in table("t.csv")[1:]]
    assert np.mean([row[0] == label for row, label in zip(rows, truth, strict=True)]) > 0.9
    assert all(float(slim) + float(wide) == pytest.approx(1) for _, slim, wide in rows)
    out, _ = call("evaluate runs/t-1/model.xpnet t.csv --json", capsys)
    right = np.mean([row[0] == label for row, label in zip(rows, truth, strict=True)])
    assert json.loads(out)["scores"]["accuracy"] == pytest.approx(right)
    out, _ = call("inspect runs/t-1", capsys)
    assert "town: '', 'Oslo', 'Rome'" in out
    assert "2 labels of 'kind': 'slim', 'wide'" in out


def test_columns_in_another_order_and_without_the_target_predict_the_same(capsys):
    call("train t.csv --target kind --epochs 2 -q", capsys)
    out, _ = call("predict runs/t-1 t.csv --proba", capsys)
    names, *rows = table("t.csv")
    order = [names.index(name) for name in ("price", "length", "width", "town")]
    write("new.csv", [names[i] for i in order], [[row[i] for i in order] for row in rows])
    assert call("predict runs/t-1 new.csv --proba", capsys) == (out, "")
    assert call("predict runs/t-1 new.csv --proba --backend strict", capsys).out == out
    write("less.csv", ["width", "twon"], [["1", "Oslo"]])
    _, err = call("predict runs/t-1 less.csv", capsys, 1)
    assert "less.csv: the table lacks 3 columns: 'town' (is it 'twon'?), 'length', 'price'" in err


def test_numbers_are_predicted_in_their_own_units(capsys):
    out, err = call("train t.csv --target price --json", capsys)
    result = json.loads(out)
    assert "regression" in err
    assert result["test"]["rmse"] < 0.2 * result["baseline"]
    assert 1200 < result["baseline_says"] < 1300
    out, _ = call("predict runs/t-1 t.csv --json", capsys)
    found, truth = json.loads(out)["prediction"], [float(row[3]) for row in table("t.csv")[1:]]
    out, _ = call("evaluate runs/t-1 t.csv --json", capsys)
    assert json.loads(out)["scores"]["rmse"] == pytest.approx(
        np.sqrt(np.mean(np.subtract(found, truth) ** 2)), rel=1e-4
    )
    scores, truth = json.loads(out)["scores"], np.array(truth)
    assert scores["r2"] == pytest.approx(1 - (scores["rmse"] / truth.std()) ** 2)
    assert scores["mae"] == pytest.approx(np.abs(found - truth).mean(), rel=1e-4)
    assert (
        "this model predicts numbers: leave --proba out"
        in call("predict runs/t-1 t.csv --proba", capsys, 1).err
    )


def test_a_run_repeats_from_its_own_folder(capsys, monkeypatch, tmp_path):
    call("train t.csv --target kind --epochs 3 --seed 7 --hidden 16 --held-out 0.25 -q", capsys)
    config = tomllib.loads(Path("runs/t-1/config.toml").read_text())
    assert config["data"] == str(tmp_path / "t.csv")
    assert (config["hidden"], config["held_out"], config["task"]) == ([16], 0.25, "classification")
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    call(f"train --config {tmp_path}/runs/t-1/config.toml -q", capsys)
    call(f"train --config {tmp_path}/runs/t-1/config.toml -q --seed 8", capsys)
    first, again, changed = (
        json.loads(path.read_text())["test"]
        for path in (
            tmp_path / "runs/t-1/metrics.json",
            Path("runs/t-1/metrics.json"),
            Path("runs/t-2/metrics.json"),
        )
    )
    assert first == again != changed
    weights = [
        xn.load(path).params["0.weight"]
        for path in (tmp_path / "runs/t-1/model.xpnet", "runs/t-1/model.xpnet")
    ]
    assert (weights[0] == weights[1]).all()


def test_print_config_prints_all_settings_and_does_not_train(capsys):
    out, _ = call("train digits --print-config --lr 0.5", capsys)
    assert tomllib.loads(out) == {
        "data": "digits",
        "task": "classification",
        "hidden": [128, 64],
        "epochs": 40,
        "batch_size": 32,
        "lr": 0.5,
        "weight_decay": 0.01,
        "seed": 0,
        "backend": "numpy",
        "dtype": "float32",
    }
    assert not Path("runs").exists()


@pytest.mark.sample(1, of="whole tables")
def test_json_is_all_of_standard_output_for_every_command(capsys):
    call("train t.csv --target kind --epochs 1 -q", capsys)
    lines = {
        "train": "digits --epochs 1 --no-save",
        "predict": "runs/t-1 t.csv",
        "evaluate": "runs/t-1 t.csv",
        "inspect": "runs/t-1",
        "backends": "--probe numpy",
        "test-backend": "numpy",
        "bench": "--size small --seconds 0.001 --backend numpy",
    }
    for command in set(COMMANDS) - {"doctor"}:  # which takes seconds, and has this test of its own
        out, _ = call(f"{command} {lines.get(command, '')} --json", capsys)
        assert out.count("\n") == 1, command
        assert isinstance(json.loads(out), dict | list)


@pytest.mark.parametrize("loss", ["mse", "mae", "sigmoid_cross_entropy", "hinge"])
def test_a_model_made_in_python_with_one_output(loss, capsys):
    """The targets may be (n,) or (n, 1)."""
    x = np.random.default_rng(0).normal(size=(60, 4))
    values = loss in ("mse", "mae")
    y = x[:, 0] * 3 + 1 if values else x[:, 0] > 0.5
    np.savez("a.npz", x=x, y=y)
    model = xn.Model(xn.Dense(1), loss=loss, optimizer="adam", backend="numpy")
    model.fit(x, y[:, None], epochs=2)
    model.save("m")
    result = json.loads(call("evaluate m a.npz --json", capsys).out)
    found = json.loads(call("predict m a.npz --json", capsys).out)["prediction"]
    if values:
        error = found - y
        assert result["scores"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)
        assert result["scores"]["mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-5)
        assert result["scores"]["r2"] == pytest.approx(1 - np.mean(error**2) / np.var(y), rel=1e-5)
        assert result["baseline"] == pytest.approx(np.std(y))
        assert "predicts numbers" in call("predict m a.npz --proba", capsys, 1).err
    elif loss == "hinge":
        assert "gives scores" in call("predict m a.npz --proba", capsys, 1).err
    else:
        shares = json.loads(call("predict m a.npz --proba --json", capsys).out)
        true = np.array(shares["probability of True"])
        assert np.allclose(true, model.predict_proba(x)[:, 0])
        assert np.allclose(shares["probability of False"], 1 - true)
        assert json.loads(call("inspect m --json", capsys).out)["labels"] == [False, True]


def test_a_model_of_sequences(capsys):
    """Several labels for a sample, some of which do not count: 3 of 4 that do are 1."""
    x, y = np.asarray([[0, 1, 2], [2, 1, 0]]), np.asarray([[1, -1, 1], [1, -1, 0]])
    loss = xn.Loss("softmax_cross_entropy", ignore_index=-1)
    model = xn.Model(xn.Sequential(xn.Embedding(3, 2)), loss=loss, optimizer="adam", backend="numpy")
    model.fit(x, y, epochs=1)
    model.save("s.xpnet")
    np.savez("s.npz", x=x, y=y)
    found = json.loads(call("evaluate s.xpnet s.npz --json", capsys).out)
    assert (found["baseline"], found["baseline_says"]) == (0.75, 1)
    names, *rows = csv.reader(io.StringIO(call("predict s.xpnet s.npz", capsys).out))
    assert names == ["prediction 0", "prediction 1", "prediction 2"]
    assert np.array_equal(np.asarray(rows, int), model.predict(x))
    assert "2 labels at each of 3 places: 0, 1\n" in call("inspect s.xpnet", capsys).out
    assert "3 labels for each sample" in call("predict s.xpnet s.npz --proba", capsys, status=1).err


@pytest.mark.parametrize("fit", ["x", "classes", "values"])
def test_npz_files(fit, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(50, 10, (200, 2, 3))
    y = {"classes": np.where(x[:, 0, 0] > 50, 7, 3), "values": 100 * x[:, 0, 0], "x": None}[fit]
    np.savez("a.npz", x=x, **({} if y is None else {"y": y}))
    if y is None:
        assert "a.npz: the file holds 'x', wanted were the arrays x, y" in call("train a.npz", capsys, 1).err
        return
    out, _ = call("train a.npz --json", capsys)
    result = json.loads(out)
    out, _ = call("predict runs/a-1 a.npz --json", capsys)
    found = np.array(json.loads(out)["prediction"])
    np.savez("new.npz", x=x)
    assert call("predict runs/a-1 new.npz --json", capsys).out == out
    if fit == "classes":
        assert result["test"]["accuracy"] > 0.8
        assert set(found) == {3, 7}
    else:
        assert result["test"]["r2"] > 0.9
        assert np.corrcoef(found, y)[0, 1] > 0.95
        scores = json.loads(call("evaluate runs/a-1 a.npz --json", capsys).out)["scores"]
        assert scores["mae"] == pytest.approx(np.abs(found - y).mean(), rel=1e-4)
    call("train --config runs/a-1/config.toml -q", capsys)
    again = json.loads(Path("runs/a-2/metrics.json").read_text())
    assert again["test"] == result["test"]


def test_a_folder_of_idx_files(capsys):
    rng = np.random.default_rng(0)
    for part, n in (("train", 200), ("t10k", 50)):
        labels = rng.integers(0, 3, n).astype("u1")
        pixels = (rng.integers(0, 50, (n, 4, 4)) + 60 * labels[:, None, None]).astype("u1")
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            Path(f"{part}-{kind}-ubyte").write_bytes(head + array.tobytes())
    out, _ = call("train . --json", capsys)
    assert json.loads(out)["test"]["accuracy"] > 0.95
    Path("t10k-labels-idx1-ubyte").unlink()
    assert "lacks t10k-labels-idx1-ubyte" in call("train .", capsys, 1).err


def test_without_matplotlib_there_is_no_picture(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    call("train digits --epochs 1 -q", capsys)
    assert sorted(path.name for path in Path("runs/digits-1").iterdir()) == [
        n for n in FILES if n != "loss.png"
    ]


def test_scores_that_are_not_finite_are_left_out(capsys):
    write("far.csv", ["x", "y"], [[i, 1e30 if i == 3 else i + 0.5] for i in range(40)])  # which is held out
    out, _ = call("train far.csv --epochs 2 --json", capsys)
    assert json.loads(out)["test"].keys() == {"rmse", "mae", "r2"}  # its squared error is beyond float32
    assert json.loads(out)["train"].keys() == {"loss", "rmse", "mae", "r2"}
    assert json.loads(call("inspect runs/far-1 --json", capsys).out)["last"].keys() == {"epoch", "loss"}
