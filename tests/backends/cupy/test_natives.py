"""CuPy's fused kernels against their portable twins: on a CUDA device, and on any machine as C++ over NumPy's arrays.

On a device all bits must be the portable ones. On a CPU the transcendental functions are the C library's, not NumPy's.
"""

from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends.cupy.natives import _dropout
from xpnet.ops import random
from xpnet.testing import CASES

from ...bits import same_bits
from .kernels_on_host import CHOSEN, OnHost, leaves, near

RNG = np.random.default_rng(0)
STRANGE = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, -90.0, 90.0, 3.0, -3.0, 6.0]
ARITHMETIC = {"relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_swish", "hard_tanh", "softsign"}


@pytest.fixture
def backend(cupy_or_host):
    return cupy_or_host


def twins(backend, passes, *, exact):
    """Compares the results of `passes` with natives and without; returns the names of the natives that ran.

    exact: the bits must be equal on any machine, and otherwise on a device alone.
    """
    used, natives = set(), backend.natives(True, dtype="float32", seconds=0.0)

    def spied(name, op):
        return lambda *arrays, **options: (used.add(name), op(*arrays, **options))[1]

    spies = natives._replace(ops={name: spied(name, op) for name, op in natives.ops.items()})
    with backend.device_context():
        got, wanted = (leaves(backend, run()) for run in (backend.compile(passes, natives=spies), passes))
    check = same_bits if exact or not isinstance(backend, OnHost) else near
    assert len(got) == len(wanted)
    for g, w in zip(got, wanted, strict=True):
        check(g, w)
    return used


@pytest.mark.sample(1, by=("name",))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CHOSEN, ids=lambda part: str(part or ""))
def test_activations_alone_and_in_linear_have_the_portable_values(name, options, dtype, backend):
    op = partial(ops.ACTIVATIONS[name], **options) if options else ops.ACTIVATIONS[name]
    z, dy = (10 * RNG.standard_normal((37, 6)) for _ in range(2))
    z.ravel()[::5] = np.resize(STRANGE, z.size)[::5]
    z, dy, x, w, b = (
        backend.asarray(a, dtype=dtype)
        for a in (z, dy, RNG.standard_normal((37, 3)), RNG.standard_normal((3, 6)), RNG.standard_normal(6))
    )

    def alone():
        turned = z.T
        return [[y, pull(y), pull(y)] for y, pull in (op(z), op(turned), op(z[0, 0, ...]))]

    def in_linear():
        y, pull = ops.linear(x, w, b, activation=op)
        nothing, *rest = ops.linear(x, w, b, activation=op, wants_dx=False)[1](dy)
        assert nothing is None
        return [y, pull(dy), pull(dy), rest]

    assert twins(backend, alone, exact=name in ARITHMETIC) == {name}
    assert twins(backend, in_linear, exact=name in ARITHMETIC) == {"linear"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_case_of_the_oracle_has_the_portable_values(dtype, backend):
    used = set()
    for case in CASES:
        for n in (*case.rows, 33):
            arrays, keywords = case.place(backend, dtype, n)

            def passes(case=case, arrays=arrays, keywords=keywords, n=n):
                y, pullback = case.run(arrays, keywords)
                dy = np.random.default_rng(n).standard_normal(tuple(y.shape))
                return [y, pullback(backend.asarray(dy, dtype=dtype))]

            used |= twins(backend, passes, exact=False)
    assert used >= {"linear", "relu", "softmax_cross_entropy", "dropout"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_has_the_portable_values(dtype, backend):
    z = np.asarray(
        [[np.nan, 1, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [-np.inf] * 3, [1e30, -1e30, 0], [-0.0, 0, 0]]
    )
    logits, dloss = backend.asarray(z, dtype=dtype), backend.asarray(RNG.standard_normal(6), dtype=dtype)
    numbers = [backend.asarray(np.full(6, label)) for label in (0, 1, 2, -1, 3)]  # the last two are no class
    soft = backend.asarray(np.full((6, 3), 1 / 3), dtype=dtype)
    odd = [(backend.asarray(np.ones(6, "int32")), {}), (soft, {}), (numbers[1], {"ignore_index": 1})]
    odd.append((backend.asarray(np.eye(6, 3, dtype="int64")), {}))
    for target, options in (*((t, {"ignore_index": -1}) for t in numbers), *odd):

        def passes(target=target, options=options):
            y, pull = ops.softmax_cross_entropy(logits, target=target, **options)
            return [y, pull(dloss), pull(dloss)]

        no_class = target is numbers[3] or target is numbers[4]
        assert twins(backend, passes, exact=no_class) == {"softmax_cross_entropy"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_and_its_keys_have_the_portable_bits(dtype, backend):
    words = backend.asarray(np.asarray([-(2**31), 2**31 - 1], "int32"))
    x = backend.asarray(RNG.standard_normal((5, 4, 3)), dtype=dtype)

    def passes():
        found = []
        for count, salt, rate in ((1, 0, 0.0), (2**31 - 1, 2**32 - 1, 0.5), (77, 12345, 0.999), (5, 0, None)):
            key = ops.make_key(words, backend.asarray(np.asarray([count], "int32")), salt=salt)
            if rate is None:  # the first element's bits are the threshold itself
                rate = (int(backend.to_numpy(random.bits(key, (1,)))[0]) + 2**31) / 2**32
            for part in (x, x.T, x[:, 1], x[0, 0, 0, ...], x[:0]):
                y, pull = ops.dropout(part, rate=rate, key=key)
                found += [key.first, key.second, y, pull(part), pull(y)]
        return found

    assert twins(backend, passes, exact=True) == {"make_key", "dropout"}


@pytest.mark.parametrize(("size", "who"), [(2**31 - 1, "kernel"), (2**31, "twin")])
def test_dropout_of_2_31_elements_is_portable(size, who, monkeypatch):
    monkeypatch.setattr(ops.dropout, "portable", lambda x, **options: ("twin", None))
    op = _dropout(lambda *_, **__: lambda *_: ("kernel", None))
    key = random.Key(np.int32(1), np.int32(2))
    assert op(np.broadcast_to(np.float32(0), size), rate=0.5, key=key)[0] == who


def test_unsupported_arguments_go_to_the_twin(backend):
    x, half = (backend.asarray(RNG.standard_normal((4, 3)), dtype=d) for d in ("float64", "float16"))
    single, b = (backend.asarray(RNG.standard_normal(shape), dtype="float32") for shape in ((3, 3), (3,)))

    def passes():
        rows = ops.relu(half), ops.linear(x, single), ops.linear(x, single, b), ops.linear(half, single, b)
        return [[y, pull(y)] for y, pull in (*rows, ops.relu(x > 0), ops.linear(single, single, x[0]))]

    twins(backend, passes, exact=True)
    labels = backend.asarray(np.zeros(4, "int64"))
    wrong = [
        *(
            (r"linear: b .* must be \(4,\)", partial(ops.linear, x, x.T, odd))
            for odd in (x[0, :1], x[0], x[:1])
        ),
        (r"target \(4,\) must be", partial(ops.softmax_cross_entropy, x[..., None], target=labels)),
        *((f"rate {rate}", partial(ops.dropout, x, rate=rate, key=None)) for rate in (-0.5, 1.0)),
    ]
    for why, call in wrong:
        with pytest.raises(ValueError, match=why):
            backend.compile(call, natives=backend.natives(True, dtype="", seconds=0))()


NETWORKS = {
    "arithmetic": (
        xn.Sequential(xn.Dense(9, "relu"), xn.Dropout(0.3), xn.Dense(4), xn.LeakyReLU(), xn.Dense(1)),
        "mse",
    ),
    "smooth": (
        xn.Sequential(xn.Dense(9, "gelu"), xn.Dense(8, "tanh"), xn.BatchNorm(), xn.SiLU(), xn.Dense(3)),
        "softmax_cross_entropy",
    ),
}


@pytest.mark.parametrize(
    ("name", "dtype"), [("arithmetic", "float32"), ("arithmetic", "float64"), ("smooth", "float64")]
)
def test_a_training_has_the_portable_values(name, dtype, backend, monkeypatch):
    x, y = RNG.standard_normal((70, 6)), RNG.integers(0, 3, 70)
    network, loss = NETWORKS[name]

    def trained(natives):
        model = xn.Model(
            network,
            loss=loss,
            optimizer=xn.adamw(1e-2),
            backend=backend.name,
            dtype=dtype,
            natives=natives,
        )
        model.fit(x, y if loss != "mse" else x[:, :1], epochs=3, batch_size=16)
        return model

    models = [trained(False), trained("auto")]
    monkeypatch.setattr("xpnet.backends.cupy.codegen.update_each", None)  # each update is a kernel's
    models.append(trained(True))
    assert [model.updates for model in models] == ["portable", "portable", "cupy"]
    portable, _, native = ([*leaves(backend, list(m.params.values())), m.forward(x)] for m in models)
    for got, wanted in zip(native, portable, strict=True):
        exact = name == "arithmetic" or not isinstance(backend, OnHost)
        (same_bits if exact else partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9))(
            *(np.asarray(backend.to_numpy(a) if backend.owns(a) else a) for a in (got, wanted))
        )
