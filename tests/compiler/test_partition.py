"""Calls in pieces on several cores: the bits of the whole, whoever makes them, and every error said."""

from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import fused_update
from xpnet.backends.activation import specialize
from xpnet.backends.numpy import activations, blas
from xpnet.compiler import codegen as fused
from xpnet.compiler import partition as pieces
from xpnet.compiler import threadpool as crew
from xpnet.compiler.partition import in_pieces
from xpnet.compiler.task import gather
from xpnet.compiler.threadpool import Hands
from xpnet.optim import update_each

from ..bits import same_bits

RNG = np.random.default_rng(0)
HANDS = Hands(4, compiled=True)


def array(shape, dtype, order="C"):
    return np.asarray(RNG.standard_normal(shape), dtype, order=order)


def is_set(call):
    return call.func in (crew._by_board, crew._by_python)


def is_cut(hands, *calls):
    """Whether all of them are one set of pieces."""
    made = in_pieces(calls, hands)
    return len(made) == 1 and is_set(made[0])


@pytest.fixture(params=["python", "numba"])
def hands(request):
    if request.param == "numba" and not fused.available():
        pytest.skip("numba is not installed: pip install 'xpnet[fast]'")
    return Hands(4, compiled=request.param == "numba")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in a training; and products of a test's size are worth the pieces."""
    monkeypatch.setattr(pieces, "PIECE", 2**21)
    monkeypatch.setattr(pieces, "BY_PYTHON", 2**21)
    with blas.limited(1):
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("orders", ["CC", "FC", "CF"])
@pytest.mark.parametrize("shape", [(256, 512, 512), (1024, 256, 300), (500, 401, 333), (192, 700, 257)])
def test_a_product_in_pieces_has_the_bits_of_the_whole(shape, orders, dtype, hands):
    m, k, n = shape
    a, b = array((m, k), dtype, orders[0]), array((k, n), dtype, orders[1])
    for function in (np.dot, np.matmul):
        out = np.full((m, n), np.nan, dtype)
        for call in in_pieces([(function, (a, b, out))], hands):
            call()
        assert np.array_equal(out, function(a, b))


def test_large_products_are_cut_and_small_ones_are_not(hands):
    """(On some kernel of BLAS the pieces of one dtype may have other bits; of neither is not to be expected.)"""
    large, small = (tuple(array((n, n), "float32") for _ in range(3)) for n in (512, 96))
    double = tuple(array((512, 512), "float64") for _ in range(3))
    assert is_cut(hands, (np.dot, large)) or is_cut(hands, (np.dot, double))
    assert not is_cut(hands, (np.dot, small))
    for gaps in (array((512, 600), kind)[:, :512] for kind in ("float32", "float64")):
        full = array((512, 512), gaps.dtype)
        assert not is_cut(hands, (np.matmul, (gaps, full, full.copy())))  # its pieces were not tried out
    assert not is_cut(hands._replace(cores=1), (np.dot, large))
    assert not is_cut(hands, (np.add, large))


@pytest.mark.parametrize(
    ("shape", "cores", "count"),
    [((96, 96, 96), 4, 1), ((128, 256, 128), 4, 2), ((256, 256, 256), 4, 8), ((999, 999, 999), 3, 6)],
)
def test_there_are_two_pieces_for_each_core_and_none_is_small(shape, cores, count, monkeypatch):
    """(m k n + 16 times the numbers) / 2^21, or twice the cores."""
    asked, (m, k, n) = [1], shape
    monkeypatch.setattr(pieces, "_cuts", lambda *given: asked.append(given[-1]) or [])
    product = np.dot, tuple(np.empty(s, "float32") for s in ((m, k), (k, n), (m, n)))
    in_pieces([product], Hands(cores, compiled=True))
    assert asked[-1] == count


@pytest.mark.parametrize(
    ("a", "b", "grid"),
    [
        ((256, 784), (784, 1024), (1, 8)),  # 8 x 200,704 + 802,816, as is (2, 4): 4 x 200,704 + 2 x 802,816
        ((1024, 256), (256, 1024), (2, 4)),  # 6 x 262,144; (1, 8) takes 9 of them
        ((784, 128), (128, 256), (7, 1)),  # 100,352 + 7 x 32,768; (4, 2) 2 x 100,352 + 4 x 32,768
        ((128, 784), (784, 256), (1, 4)),  # of 64 columns each: 4 x 100,352 + 200,704
        ((4096, 64), (64, 10), (4, 1)),  # ten columns are no eight
    ],
)
def test_a_product_is_cut_where_blas_lays_out_the_fewest_numbers_anew(a, b, grid):
    for rows, columns in pieces._grids(a, b, 8):
        seen = np.zeros((a[0], b[1]), int)
        for i in rows:
            for j in columns:
                seen[i, j] += 1
        assert (seen == 1).all()
        assert 4 <= len(rows) * len(columns) <= 8
    assert tuple(map(len, pieces._grids(a, b, 8)[0])) == grid
    assert pieces._grids((60, 500), (500, 60), 8) == []


def test_products_that_need_each_other_wait_for_each_other(hands, monkeypatch):
    """c = a @ b beside e = a @ d; but f = c @ b after both, and another c = d @ b after f."""
    monkeypatch.setattr(
        pieces, "_cuts", lambda *_: [(slice(None), slice(0, 256)), (slice(None), slice(256, 512))]
    )
    a, b, c, d, e, f = (array((512, 512), "float32") for _ in range(6))
    calls = [(np.dot, args) for args in [(a, b, c), (a, d, e), (c, b, f), (d, b, c)]]
    assert is_cut(hands, *calls[:2])
    made = in_pieces(calls, hands)
    assert len(made) == 3
    between = in_pieces([calls[0], (np.negative, (a, a)), calls[1]], hands)
    assert len(between) == 3
    for call in made:
        call()
    assert np.allclose(f, a @ b @ b, rtol=1e-3, atol=1e-2)
    assert np.allclose(e, a @ d, rtol=1e-4, atol=1e-3)
    assert np.allclose(c, d @ b, rtol=1e-4, atol=1e-3)


@pytest.mark.skipif(not fused.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
def test_an_update_in_pieces_has_the_bits_of_the_whole(hands):
    optimizer, shapes = xn.adamw(), {"w": (1025, 300), "b": (300,), "one": (1,)}
    params, grads, m = ({name: array(shape, "float64") for name, shape in shapes.items()} for _ in range(3))
    slots = {"m": m, "v": {name: x * x for name, x in m.items()}}
    scalars = tuple(float(x) for x in optimizer.scalars(np, np.float64(1e-3), np.float64(3)))
    wanted, wanted_slots = update_each(optimizer.rule, params, grads, slots, scalars)
    loop = fused_update.rule_loop(optimizer.rule, 2, len(scalars), "d", (2, 1, 1)).__wrapped__
    arrays = [x for name in shapes for x in (params[name], grads[name], m[name], slots["v"][name])]
    (call,) = in_pieces([(loop, (np.asarray(scalars), *arrays))], hands)
    assert is_set(call)
    call()
    product = np.dot, tuple(array((512, 512), "float64") for _ in range(3))
    assert not is_cut(hands, product, (loop, (np.asarray(scalars), *arrays)))
    for name in shapes:
        assert np.array_equal(params[name], wanted[name])
        assert np.array_equal(m[name], wanted_slots["m"][name])


def made_by(function, args, hands):
    """What the call leaves in its arrays, whole and in pieces."""
    alone, cut = ([x.copy("K") if isinstance(x, np.ndarray) else x for x in args] for _ in range(2))
    function(*alone)
    (call,) = in_pieces([(function, tuple(cut))], hands)
    assert call.func is (crew._by_board if hands.compiled else crew._by_python)
    call()
    return alone, cut


@pytest.mark.skipif(not fused.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(600, 1000), (3, 190_000), (3001, 129)])
@pytest.mark.parametrize(
    "activation",
    [
        None,
        "relu",
        "softsign",
        "tanh",
        "sigmoid",
        "silu",
        "gelu",
        "mish",
        "selu",
        "elu",
        "leaky_relu",
    ],
)
def test_the_passes_of_a_dense_layer_in_pieces_have_the_bits_of_the_whole(activation, shape, dtype):
    op = activation and getattr(xn.ops, activation)
    kind = np.dtype(dtype)
    passes, numbers = specialize(op, partial(activations._dense_passes, kind=kind), kind.type)({})
    forward, backward = passes.forward.__wrapped__, passes.backward.__wrapped__
    z, b = array(shape, dtype), array(shape[1], dtype)
    z.ravel()[::1001] = np.resize([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-38, -90.0, 90.0], z.size)[::1001]
    with np.errstate(all="ignore"):
        alone, cut = made_by(forward, [z, *[np.zeros_like(z) for _ in passes.extra], b, *numbers], HANDS)
    same_bits(cut, alone)
    given = [array(shape, dtype) for _ in passes.kept]
    made = np.zeros_like(z), np.zeros_like(b)
    same_bits(*made_by(backward, [array(shape, dtype), *given, *made, *numbers], HANDS))


@pytest.mark.skipif(not fused.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
@pytest.mark.parametrize("activation", ["relu", "silu", "gelu"])
@pytest.mark.parametrize("shape", [(500_000,), (7, 90_000), (16, 30, 40, 25)])
def test_an_activation_in_pieces_has_the_bits_of_the_whole(shape, activation):
    passes = activations._passes(getattr(xn.ops, activation), kind=np.dtype("float32"))
    x = array(shape, "float32")
    left = 1 + len(passes.extra)
    for function, count, made in [(passes.forward, 1, left), (passes.backward, 1 + len(passes.kept), 1)]:
        arrays = [array(shape, "float32") for _ in range(count)] + [np.full_like(x, np.nan)] * made
        same_bits(*made_by(function.__wrapped__, arrays, HANDS))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("shape", [(300, 784), (300, 28, 28, 3), (300, 5000)])
def test_gathered_rows_are_those_of_indexing(shape, dtype, hands):
    x = (RNG.standard_normal(shape) * 50).astype(dtype)
    rows, out = RNG.integers(0, 300, 257), np.zeros((257, *shape[1:]), dtype)
    (call,) = in_pieces([gather(x, rows, out)], hands)
    call()
    assert np.array_equal(out, x[rows])
    (call,) = in_pieces([gather(x[::-1], rows, out)], hands)
    assert not is_set(call)  # it is not one block of memory
    call()
    assert np.array_equal(out, x[::-1][rows])


@pytest.mark.parametrize(("samples", "batch"), [(1, 1), (300, 1), (1, 5), (2, 3)])
def test_a_few_long_rows_are_gathered(samples, batch, hands, capfd):
    x, rows = array((samples, 300_000), "float32"), RNG.integers(0, samples, batch)
    out = np.zeros((batch, 300_000), "float32")
    for call in in_pieces([gather(x, rows, out)], hands):
        call()
    assert np.array_equal(out, x[rows])
    assert capfd.readouterr().err == ""


def test_a_row_that_is_not_there_is_read_nowhere_else(hands):
    x, rows = array((300, 5000), "float32"), np.array([0, 299, 300, -1, 10**12, -(10**12)] * 20)
    out = np.zeros((len(rows), 5000), "float32")
    (call,) = in_pieces([gather(x, rows, out)], hands)
    assert is_set(call)
    call()
    assert np.array_equal(out, x[np.clip(rows, 0, 299)])


@pytest.mark.parametrize("natives", ["auto", True])
def test_a_training_on_several_cores_has_the_bits_of_one(natives, monkeypatch):
    """A training as short as this one runs natives only if told to."""
    if natives is True and not fused.available():
        pytest.skip("numba is not installed: pip install 'xpnet[fast]'")
    if not blas._libraries():
        pytest.skip("threadpoolctl is not installed: pip install 'xpnet[fast]'")
    x, y = array((512, 300), "float32"), np.arange(512) % 10
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(blas.machine, "cores", lambda cores=cores: cores)
        monkeypatch.setattr(blas, "given", lambda: None)
        net = xn.Sequential(xn.Dense(320, "relu"), xn.Dense(10))
        model = xn.Model(
            net, loss="softmax_cross_entropy", optimizer="adam", backend="numpy", natives=natives
        )
        model.fit(x, y, epochs=3, batch_size=256)
        (step,) = model._trainer._steps.values()
        (program,) = step._programs.values()
        ways = {call.func for call in program._made if is_set(call)}
        assert cores > 1 or not ways
        assert ways <= {crew._by_board if natives is True else crew._by_python}
        assert ways or cores == 1 or natives == "auto"  # the update at least is cut
        found.append((model.history["loss"], {name: p.tobytes() for name, p in model.params.items()}))
    assert found[0] == found[1]
