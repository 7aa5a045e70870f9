"""Every optimizer beside PyTorch's: 20 updates in float64, on drawn constants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import optim
from xpnet.optim import Part, update_each

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")

UPDATES = 20
SHAPES = {"weight": (3, 4), "bias": (4,)}

LR = st.floats(1e-4, 0.5)
DECAY = st.floats(0, 0.999)
EPS = st.floats(1e-10, 1e-2)
SEEDS = st.integers(0, 2**32 - 1)
DRAWN = settings(max_examples=20, deadline=None, database=None, derandomize=True)


def ours(optimizer, start, gradients):
    """The parameters after each update."""
    params = {name: p.copy() for name, p in start.items()}
    part = Part(optimizer)
    slots = {slot: {name: np.zeros_like(p) for name, p in start.items()} for slot in part.slots}
    for t, grads in enumerate(gradients, start=1):
        scalars = part.scalars(np, np.asarray(optimizer.peak), np.asarray(float(t)))
        params, slots = update_each(part.rule, params, grads, slots, scalars)
        yield params


def theirs(make, start, gradients):
    params = {name: torch.tensor(p, requires_grad=True) for name, p in start.items()}
    optimizer = make(list(params.values()))
    for grads in gradients:
        for name, p in params.items():
            p.grad = torch.tensor(grads[name])
        optimizer.step()
        yield {name: p.detach().numpy() for name, p in params.items()}


def compare(optimizer, make, seed):
    rng = np.random.default_rng(seed)
    start = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    gradients = [
        {name: rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3) for name, shape in SHAPES.items()}
        for _ in range(UPDATES)
    ]
    pairs = zip(ours(optimizer, start, gradients), theirs(make, start, gradients), strict=True)
    for t, (found, wanted) in enumerate(pairs, start=1):
        for name in SHAPES:
            error = np.abs(found[name] - wanted[name]).max() / max(1, np.abs(wanted[name]).max())
            assert error <= 1e-12, f"{name} after {t} updates"


@DRAWN
@given(lr=LR, momentum=st.one_of(st.just(0.0), DECAY), nesterov=st.booleans(), seed=SEEDS)
def test_sgd(lr, momentum, nesterov, seed):
    nesterov = nesterov and momentum > 0
    compare(
        optim.sgd(lr, momentum, nesterov),
        lambda params: torch.optim.SGD(params, lr, momentum, nesterov=nesterov),
        seed,
    )


@DRAWN
@given(lr=LR, beta1=DECAY, beta2=DECAY, eps=EPS, seed=SEEDS)
def test_adam(lr, beta1, beta2, eps, seed):
    compare(
        optim.adam(lr, beta1, beta2, eps),
        lambda params: torch.optim.Adam(params, lr, (beta1, beta2), eps),
        seed,
    )


@DRAWN
@given(lr=LR, beta1=DECAY, beta2=DECAY, eps=EPS, decay=st.floats(0, 1), seed=SEEDS)
def test_adamw(lr, beta1, beta2, eps, decay, seed):
    compare(
        optim.adamw(lr, beta1, beta2, eps, weight_decay=decay),
        lambda params: torch.optim.AdamW(params, lr, (beta1, beta2), eps, decay),
        seed,
    )


@DRAWN
@given(lr=LR, alpha=DECAY, eps=EPS, seed=SEEDS)
def test_rmsprop(lr, alpha, eps, seed):
    compare(optim.rmsprop(lr, alpha, eps), lambda params: torch.optim.RMSprop(params, lr, alpha, eps), seed)


@DRAWN
@given(
    lr=LR, alpha=st.floats(0.1, 0.99), eps=EPS, momentum=st.one_of(st.just(0.0), DECAY), centered=st.booleans(),
    seed=SEEDS,
)  # fmt: skip
def test_rmsprop_with_momentum_and_centered(lr, alpha, eps, momentum, centered, seed):
    compare(
        optim.rmsprop(lr, alpha, eps, momentum, centered),
        lambda params: torch.optim.RMSprop(params, lr, alpha, eps, 0, momentum, centered),
        seed,
    )


@DRAWN
@given(lr=LR, eps=EPS, seed=SEEDS)
def test_adagrad(lr, eps, seed):
    compare(optim.adagrad(lr, eps), lambda params: torch.optim.Adagrad(params, lr, eps=eps), seed)


@DRAWN
@given(lr=LR, rho=DECAY, eps=EPS, seed=SEEDS)
def test_adadelta(lr, rho, eps, seed):
    compare(optim.adadelta(lr, rho, eps), lambda params: torch.optim.Adadelta(params, lr, rho, eps), seed)


@DRAWN
@given(lr=LR, beta1=DECAY, beta2=DECAY, eps=EPS, decay=st.floats(0, 1), decoupled=st.booleans(), seed=SEEDS)
def test_amsgrad(lr, beta1, beta2, eps, decay, decoupled, seed):
    compare(
        optim.adam(lr, beta1, beta2, eps, amsgrad=True, weight_decay=decay, decoupled=decoupled),
        lambda params: torch.optim.Adam(
            params, lr, (beta1, beta2), eps, decay, amsgrad=True, decoupled_weight_decay=decoupled
        ),
        seed,
    )


@DRAWN
@given(lr=LR, beta1=DECAY, beta2=DECAY, eps=EPS, decay=st.floats(0, 1), seed=SEEDS)
def test_adamax(lr, beta1, beta2, eps, decay, seed):
    compare(
        optim.adamax(lr, beta1, beta2, eps, weight_decay=decay),
        lambda params: torch.optim.Adamax(params, lr, (beta1, beta2), eps, decay),
        seed,
    )


@DRAWN
@given(
    lr=LR, beta1=DECAY, beta2=DECAY, eps=EPS, fade=st.floats(0, 2), decay=st.floats(0, 1), decoupled=st.booleans(),
    seed=SEEDS,
)  # fmt: skip
def test_nadam(lr, beta1, beta2, eps, fade, decay, decoupled, seed):
    """PyTorch keeps its product of momenta in the default dtype, float32, which costs it 1e-11."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        compare(
            optim.nadam(lr, beta1, beta2, eps, momentum_decay=fade, weight_decay=decay, decoupled=decoupled),
            lambda params: torch.optim.NAdam(
                params, lr, (beta1, beta2), eps, decay, fade, decoupled_weight_decay=decoupled
            ),
            seed,
        )
    finally:
        torch.set_default_dtype(default)


@DRAWN
@given(lr=LR, beta1=DECAY, beta2=DECAY, eps=EPS, decay=st.floats(0, 1), decoupled=st.booleans(), seed=SEEDS)
def test_radam(lr, beta1, beta2, eps, decay, decoupled, seed):
    compare(
        optim.radam(lr, beta1, beta2, eps, weight_decay=decay, decoupled=decoupled),
        lambda params: torch.optim.RAdam(
            params, lr, (beta1, beta2), eps, decay, decoupled_weight_decay=decoupled
        ),
        seed,
    )


@DRAWN
@given(lr=LR, momentum=DECAY, decay=st.floats(0, 1), seed=SEEDS)
def test_coupled_decay(lr, momentum, decay, seed):
    for optimizer, peer in (
        (optim.sgd(lr, momentum, weight_decay=decay), lambda p: torch.optim.SGD(p, lr, momentum, 0, decay)),
        (optim.adam(lr, weight_decay=decay), lambda p: torch.optim.Adam(p, lr, weight_decay=decay)),
        (optim.rmsprop(lr, weight_decay=decay), lambda p: torch.optim.RMSprop(p, lr, weight_decay=decay)),
        (optim.adadelta(lr, weight_decay=decay), lambda p: torch.optim.Adadelta(p, lr, weight_decay=decay)),
    ):
        compare(optimizer, peer, seed)


@pytest.mark.parametrize(
    ("optimizer", "peer", "names"),
    [
        (optim.adam(), torch.optim.Adam, {"lr": "lr", "eps": "eps"}),
        (optim.adamw(), torch.optim.AdamW, {"lr": "lr", "eps": "eps", "weight_decay": "weight_decay"}),
        (
            optim.rmsprop(),
            torch.optim.RMSprop,
            {name: name for name in ("lr", "alpha", "eps", "momentum", "centered")},
        ),
        (optim.adagrad(), torch.optim.Adagrad, {"lr": "lr", "eps": "eps"}),
        (optim.sgd(), torch.optim.SGD, {"momentum": "momentum", "nesterov": "nesterov"}),
        (optim.adadelta(), torch.optim.Adadelta, {"lr": "lr", "rho": "rho", "eps": "eps"}),
        (optim.adamax(), torch.optim.Adamax, {"lr": "lr", "eps": "eps"}),
        (optim.nadam(), torch.optim.NAdam, {"lr": "lr", "eps": "eps", "momentum_decay": "momentum_decay"}),
        (optim.radam(), torch.optim.RAdam, {"lr": "lr", "eps": "eps"}),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, optim.Optimizer) else "",
)
def test_defaults_are_pytorchs(optimizer, peer, names):
    defaults = peer(
        [torch.zeros(1, requires_grad=True)], **({"lr": 0.1} if peer is torch.optim.SGD else {})
    ).defaults
    for ours_name, their_name in {**names, "weight_decay": "weight_decay"}.items():
        assert getattr(optimizer, ours_name) == defaults[their_name]
    if hasattr(optimizer, "beta1"):
        assert (optimizer.beta1, optimizer.beta2) == defaults["betas"]
