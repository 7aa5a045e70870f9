"""The PyTorch backend: natives, torch.compile, and results that can enter autograd."""

import numpy as np
import pytest

import xpnet as xn

from ...bits import same_bits

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'xpnet[torch]'")
from torch._dynamo.testing import CompileCounter  # noqa: E402

RNG = np.random.default_rng(6)
X, Y = RNG.standard_normal((70, 6)), RNG.integers(0, 5, 70)


def test_natives_run_unless_left_out(monkeypatch):
    used = []
    real = torch.threshold_
    monkeypatch.setattr(torch, "threshold_", lambda *args: (used.append(1), real(*args))[1])
    found = []
    for natives in (False, "auto"):
        model = xn.Model(
            xn.Sequential(xn.Dense(8, "relu"), xn.Dense(5)),
            loss="softmax_cross_entropy", optimizer=xn.adamw(1e-2), backend="torch", dtype="float64", natives=natives,
        )  # fmt: skip
        model.fit(X, Y, epochs=2, batch_size=16)
        assert bool(used) is (natives == "auto")
        assert model.updates == ("torch" if natives else "portable")
        found.append(model.forward(X))
    np.testing.assert_allclose(*found, rtol=0, atol=1e-12)


def test_outputs_and_parameters_can_enter_autograd():
    """Tensors made in inference mode cannot."""
    model = xn.Model(xn.Dense(5), loss="softmax_cross_entropy", optimizer="adam", backend="torch")
    model.fit(X, Y, epochs=1)
    x = torch.tensor(X, dtype=torch.float32)
    w = model.params["weight"].requires_grad_()
    ((x @ w) * model.predict_proba(x) * model.forward(x)).sum().backward()
    assert w.grad.shape == (6, 5)
    params = model.params
    params["weight"].add_(1.0)


def test_bits_do_not_depend_on_the_length_of_a_fit():
    """The choice of kernels depends on the network's size, and not on the number of epochs."""
    models = []
    for cuts in ((3,), (1, 1, 1)):
        model = xn.Model(
            xn.Sequential(xn.Dense(700, "relu"), xn.Dense(200), xn.Dense(5)),
            loss="softmax_cross_entropy", optimizer=xn.rmsprop(1e-3), backend="torch",
        )  # fmt: skip
        for epochs in cuts:
            model.fit(X, Y, epochs=epochs, batch_size=10**9 if epochs == 3 else 70)
        models.append(model)
    same_bits(list(models[0].params.values()), list(models[1].params.values()))


def test_natives_compile_runs_torch_compile(monkeypatch):
    """By TorchDynamo alone: a C++ compiler may be absent, and takes half a minute."""
    compiled = []

    def compiler(function, **options):
        compiled.append(options)
        return torch_compile(function, backend="eager", fullgraph=True, **options)

    torch_compile = torch.compile
    monkeypatch.setattr(torch, "compile", compiler)
    found = {}
    for natives in (False, "compile"):
        model = xn.Model(
            xn.Sequential(xn.Dense(6, "relu"), xn.Dropout(0.2), xn.Dense(3)), loss="softmax_cross_entropy",
            optimizer="adam", dtype="float64", backend="torch", natives=natives,
        )  # fmt: skip
        model.fit(np.arange(80.0).reshape(20, 4) % 7, np.arange(20) % 3, epochs=3, batch_size=8)
        found[model.updates] = model
    assert compiled == [{"dynamic": False}]
    assert set(found) == {"portable", "torch.compile"}
    np.testing.assert_allclose(
        found["torch.compile"].history["loss"], found["portable"].history["loss"], rtol=1e-12
    )


@pytest.mark.parametrize("kernel", [2, (1, 3)])
def test_a_depthwise_convolution_compiles_once(monkeypatch, kernel):
    """The strides of its gradient, which has an axis of size 1, must not pass on to the slots."""
    counter, torch_compile = CompileCounter(), torch.compile
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", lambda f, **options: torch_compile(f, backend=counter, **options))
    network = xn.Sequential(xn.Conv2D(2, kernel, groups=2), xn.Flatten(), xn.Dense(5))
    model = xn.Model(network, loss="mse", optimizer="adam", backend="torch", natives="compile")
    for _ in range(4):
        model.partial_fit(X.reshape(35, 2, 3, 2), np.ones((35, 5)))
    assert model.updates == "torch.compile"
    assert counter.frame_count == 1
