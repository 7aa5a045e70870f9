"""Replayed steps: the bits of the step as it is, also after the state, the batch or the rate has changed."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends import get
from xpnet.compiler import loading, tracing
from xpnet.compiler.kernel import Kernel
from xpnet.compiler.replay import Program, ReplayedStep
from xpnet.compiler.tracing import Tracer
from xpnet.testing.optimizers import OPTIMIZERS
from xpnet.testing.steps import NETWORKS, Network

NUMPY = get("numpy")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((37, 6)), np.arange(37) % 3
NET = xn.Sequential(xn.Dense(8, "relu"), xn.Dropout(0.3), xn.Dense(3))
NATIVES = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(not loading.available(), reason="numba is not installed")),
]


def make(network=NET, loss="softmax_cross_entropy", optimizer="adam", **options):
    return xn.Model(network, loss=loss, optimizer=optimizer, backend="numpy", **options)


def replayed(model):
    """The `ReplayedStep` of the model's last steps."""
    (step,) = model._trainer._steps.values()
    return step


def same(a, b):
    """Asserts that two models have the same bits, histories included."""
    assert a.history == b.history
    for part in ("params", "buffers"):
        for name, x in getattr(a, part).items():
            assert x.tobytes() == getattr(b, part)[name].tobytes(), name
    for name, x in a._trainer.state["slots"].items():
        for key in x:
            assert x[key].tobytes() == b._trainer.state["slots"][name][key].tobytes(), (name, key)


def trained(row, dtype, natives, plain, **options):
    """The model of a row of the oracle's table, trained; plain: portable, and without replay."""
    model = make(row.network, row.loss, row.optimizer, dtype=dtype, natives=natives, **options)
    if plain:
        planner = model.build(row.input_shape)._trainer._planner
        planner.wanted, planner.pure = False, False
    model.fit(*row.data(42), epochs=3, batch_size=8)
    return model


@pytest.mark.sample(1, by=("row", "natives"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("natives", ["auto", NATIVES[1]])
@pytest.mark.parametrize("row", NETWORKS, ids=[row.name for row in NETWORKS])
def test_every_network_of_the_table_keeps_its_bits(row, natives, dtype):
    model = trained(row, dtype, natives, plain=False)
    assert replayed(model).reason is None
    assert len(replayed(model)._programs) == 2  # 42 = 5 * 8 + 2
    same(model, trained(row, dtype, natives, plain=True))


TURNED = xn.Sequential(xn.Conv2D(4, 2, groups=2), xn.ConvTranspose2D(2, 2), xn.Flatten(), xn.Dense(3))


@pytest.mark.parametrize("natives", NATIVES)
def test_gradients_that_are_not_contiguous_keep_their_bits(natives):
    """The gradients of grouped and of transposed convolutions are views with other axes first."""
    row = Network("turned", TURNED, "softmax_cross_entropy", "adam", (3, 3, 2))
    model = trained(row, "float64", natives or "auto", plain=False)
    assert replayed(model).reason is None
    same(model, trained(row, "float64", False, plain=True))


@pytest.mark.parametrize("row", OPTIMIZERS, ids=[row.name for row in OPTIMIZERS])
def test_every_optimizer_of_the_table_keeps_its_bits(row):
    models = [make(optimizer=row.optimizer, natives=natives) for natives in ("auto", False)]
    for model in models:
        model.fit(X, Y, epochs=3, batch_size=5)
    assert isinstance(replayed(models[0]), ReplayedStep)
    assert replayed(models[0]).reason is None
    same(*models)


LAST = {
    "cross_entropy": xn.Softmax(),
    "binary_cross_entropy": xn.Sigmoid(),
    "nll": xn.LogSoftmax(),
    "kl_divergence": xn.LogSoftmax(),
}
"""The last layer of a network, for losses that take no raw outputs."""


@pytest.mark.parametrize("loss", sorted(ops.LOSSES))
def test_every_loss_keeps_its_bits(loss):
    op = ops.LOSSES[loss]
    kind, units = getattr(op, "kind", "values"), 2 * getattr(op, "outputs", 1)
    y = {"classes": Y % 2, "binary": X[:, :2] > 0}.get(kind, np.exp(X[:, :2]))
    if loss == "kl_divergence":
        y = np.exp(X[:, :2]) / np.exp(X[:, :2]).sum(axis=1, keepdims=True)
    network = xn.Sequential(xn.Dense(4, "tanh"), xn.Dense(units), LAST.get(loss, xn.Sequential()))
    models = [make(network, loss, "sgd", natives=natives) for natives in ("auto", False)]
    for model in models:
        model.fit(X, y, epochs=3, batch_size=8, sample_weight=np.linspace(1, 2, 37))
    assert replayed(models[0]).reason is None
    same(*models)


@pytest.mark.parametrize("natives", ["auto", NATIVES[1]])
def test_changes_between_steps_are_seen(natives):
    """Other parameters, another rate, one batch or many, targets of another form: each is another array."""
    models = [make(natives=n) for n in (natives, False)]
    soft = np.full((37, 3), 1 / 3)
    for model in models:
        model.fit(X, Y, epochs=2, batch_size=8)
        model.params = {name: 0.5 * x for name, x in model.params.items()}
        model.fit(X, Y, epochs=1, batch_size=8)
        model.lr = 0.05
        model.fit(X, Y, epochs=2, batch_size=37)
        model.fit(X[::-1, ::-1], Y, epochs=3, batch_size=37)
        model.fit(np.asfortranarray(X), soft, epochs=2, batch_size=8)
        for part in np.split(X, [10, 20, 30]):
            model.partial_fit(part, Y[: len(part)])
        model.fit(X[:30], Y[:30], epochs=2, batch_size=8)
    assert replayed(models[0]).reason is None
    same(*models)


def test_the_number_of_programs_is_bounded():
    models = [make(natives=natives) for natives in ("auto", False)]
    for model in models:
        for _ in range(3):
            for n in range(1, 20):
                model.partial_fit(X[:n], Y[:n])
    assert len(replayed(models[0])._programs) == 8
    same(*models)


def test_a_diverged_epoch_leaves_the_state_of_the_one_before():
    models = [make(natives=natives) for natives in ("auto", False)]
    for model in models:
        model.fit(X, Y, epochs=3, batch_size=8)
        model.lr = 1e30
        with pytest.raises(xn.errors.DivergedError):
            model.fit(X, Y, epochs=1, batch_size=8)
        model.lr = 1e-3
        model.fit(X, Y, epochs=1, batch_size=8)
    same(*models)


def test_an_interrupt_between_allocations_drops_the_programs(monkeypatch):
    models = [make(natives=natives) for natives in ("auto", False)]
    allocate, seen = Program.allocate, []

    def broken(self, memory):
        seen.append(self)
        if len(seen) == 3:  # of the second shape, after the first has moved
            raise KeyboardInterrupt
        allocate(self, memory)

    monkeypatch.setattr(Program, "allocate", broken)
    with pytest.raises(KeyboardInterrupt):
        models[0].fit(X, Y, epochs=2, batch_size=8)
    models[1].fit(X, Y, epochs=1, batch_size=8)
    for model in models:
        model.fit(X, Y, epochs=3, batch_size=8)
    assert len(replayed(models[0])._programs) == 2
    same(*models)


def test_the_memory_of_an_interrupted_step_is_not_used_again():
    """A worker may still be writing into it."""

    def step(state, batch):
        return {"n": state["n"] + 1}, {"y": batch["x"] * 2.0}

    def ctrl_c():
        raise KeyboardInterrupt

    run, state = ReplayedStep(step), {"n": np.zeros(1)}
    for _ in range(3):
        run(state, {"x": np.ones(4)})
    (program,) = run._programs.values()
    program._thunks.append(ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(state, {"x": np.ones(4)})
    assert np.array_equal(run(state, {"x": np.ones(4)})[1]["y"], np.full(4, 2.0))
    (again,) = run._programs.values()
    assert not np.shares_memory(again.batch["x"], program._memory)


PASSES = Counter()


@dataclass(frozen=True)
class Counted(xn.Layer):
    """The identity, which counts its passes."""

    def forward(self, params, x, ctx):
        PASSES["train" if ctx.train else "predict"] += 1
        return x, lambda dy: (dy, {})


def counted(y, /, *, target):
    PASSES["loss"] += 1
    return ops.mse(y, target=target)


def test_layers_and_losses_from_outside_run_at_every_step():
    PASSES.clear()
    make(xn.Sequential(xn.Dense(3), Counted())).fit(X, Y, epochs=2, batch_size=8)
    assert PASSES["train"] == 10
    make(xn.Dense(1), counted).fit(X, X[:, :1], epochs=2, batch_size=8)
    assert PASSES["loss"] == 10


def test_a_step_that_looks_at_values_runs_untraced():
    def step(state, batch):
        w = state["params"]["w"]
        return {**state, "params": {"w": w + 1.0 if float(w[0]) < 3 else w - 5.0}}, {
            "loss": np.sum(batch["x"])
        }

    state, run = {"params": {"w": np.zeros(1)}, "step": np.zeros(1, "int32")}, ReplayedStep(step)
    found = []
    for _ in range(9):
        state, metrics = run(state, {"x": np.ones(4)})
        found.append(float(state["params"]["w"][0]))
    assert found == [1, 2, 3, -2, -1, 0, 1, 2, 3]
    assert "is read" in run.reason
    assert metrics["loss"] == 4


def test_a_state_of_another_form_runs_untraced():
    def step(state, batch):
        return {"w": state["w"] * 2.0}, {"loss": np.max(batch["x"])}

    run = ReplayedStep(step)
    state = {"w": np.ones((2, 3))}
    for _ in range(4):
        state, _ = run(state, {"x": np.ones(4)})
    read_only = np.full((2, 3), 5.0)
    read_only.flags.writeable = False
    for other in (np.ones((4, 2)), np.asfortranarray(np.ones((2, 3))), np.ones((2, 3), "float32"), read_only):
        new, metrics = run({"w": other}, {"x": np.full(4, 7.0)})
        assert new["w"].dtype == other.dtype
        assert np.array_equal(new["w"], other * 2)
        assert metrics["loss"] == 7
    assert run.reason is None


def test_natives_are_recorded_as_kernels():
    """If not, the calls are those of the portable step."""
    if not loading.available():
        pytest.skip("numba is not installed")
    model = make(natives=True)
    model.fit(X, Y, epochs=3, batch_size=8)
    calls = [call for program in replayed(model)._programs.values() for call in program.calls]
    assert sum(isinstance(call.function, Kernel) for call in calls) >= 2 * 9
    assert not any(isinstance(arg, Tracer) for call in calls for arg in call.args)


def test_a_step_of_too_many_calls_runs_untraced(monkeypatch):
    """A long sequence makes hundreds of thousands of calls, whose memory plan would take minutes."""
    monkeypatch.setattr(tracing, "MAX_CALLS", 200)
    x = RNG.standard_normal((37, 6, 2))
    network = xn.Sequential(xn.GRU(3, last=True), xn.Dense(3))
    model, plain = (make(network, natives=natives) for natives in ("auto", False))
    for each in (model, plain):
        each.fit(x, Y, epochs=2, batch_size=16)
    assert replayed(model).reason == "NotTraceableError: it makes more than 200 calls"
    same(model, plain)
    assert model.forward(x[:1]).tobytes() == model.forward(x[:1]).tobytes() == plain.forward(x[:1]).tobytes()
