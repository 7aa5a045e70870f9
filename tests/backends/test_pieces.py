"""Calls in pieces on several cores: the bits of the whole, whoever makes them, and every error said."""

import os
import threading
import time
from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import blas, fused, pieces
from xpnet.backends.pieces import in_pieces
from xpnet.optim import update_each

RNG = np.random.default_rng(0)


def array(shape, dtype, order="C"):
    return np.asarray(RNG.standard_normal(shape), dtype, order=order)


def is_cut(*calls, cores=4):
    """Whether all of them are one set of pieces."""
    made = in_pieces(calls, cores)
    return len(made) == 1 and made[0].func is pieces._together


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in a training; and products of a test's size are worth the pieces."""
    monkeypatch.setattr(pieces, "PRODUCT", 2**22)
    monkeypatch.setattr(pieces, "PIECE", 2**21)
    with blas.limited(1):
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("orders", ["CC", "FC", "CF"])
@pytest.mark.parametrize("shape", [(256, 512, 512), (1024, 256, 300), (500, 401, 333), (192, 700, 257)])
def test_a_product_in_pieces_has_the_bits_of_the_whole(shape, orders, dtype):
    m, k, n = shape
    a, b = array((m, k), dtype, orders[0]), array((k, n), dtype, orders[1])
    for function in (np.dot, np.matmul):
        out = np.full((m, n), np.nan, dtype)
        for call in in_pieces([(function, (a, b, out))], 4):
            call()
        assert np.array_equal(out, function(a, b))


def test_large_products_are_cut_and_small_ones_are_not():
    """(On some kernel of BLAS the pieces of one dtype may have other bits; of neither is not to be expected.)"""
    large, small = (tuple(array((n, n), "float32") for _ in range(3)) for n in (512, 96))
    double = tuple(array((512, 512), "float64") for _ in range(3))
    assert is_cut((np.dot, large)) or is_cut((np.dot, double))
    assert not is_cut((np.dot, small))
    assert not is_cut((np.dot, large), cores=1)
    assert not is_cut((np.add, large))


@pytest.mark.parametrize(
    ("shape", "cores", "count"),
    [((255, 256, 256), 4, 1), ((256, 256, 256), 4, 4), ((512, 256, 256), 4, 8), ((999, 999, 999), 3, 6)],
)
def test_there_are_two_pieces_for_each_core_and_none_is_small(shape, cores, count, monkeypatch):
    monkeypatch.setattr(pieces, "PRODUCT", 2**24)
    monkeypatch.setattr(pieces, "PIECE", 2**22)
    asked, (m, k, n) = [], shape
    monkeypatch.setattr(pieces, "_cuts", lambda *given: asked.append(given[-1]) or [])
    in_pieces([(np.dot, tuple(np.empty(s, "float32") for s in ((m, k), (k, n), (m, n))))], cores)
    assert asked == [count]


def test_products_that_need_each_other_wait_for_each_other(monkeypatch):
    """c = a @ b beside e = a @ d; but f = c @ b after both, and another c = d @ b after f."""
    monkeypatch.setattr(
        pieces, "_cuts", lambda *_: [(slice(None), slice(0, 256)), (slice(None), slice(256, 512))]
    )
    a, b, c, d, e, f = (array((512, 512), "float32") for _ in range(6))
    calls = [(np.dot, args) for args in [(a, b, c), (a, d, e), (c, b, f), (d, b, c)]]
    assert is_cut(*calls[:2])
    made = in_pieces(calls, 4)
    assert [len(call.args[0]) for call in made] == [4, 2, 2]
    between = in_pieces([calls[0], (np.negative, (a, a)), calls[1]], 4)
    assert len(between) == 3
    for call in made:
        call()
    assert np.allclose(f, a @ b @ b, rtol=1e-3, atol=1e-2)
    assert np.allclose(e, a @ d, rtol=1e-4, atol=1e-3)
    assert np.allclose(c, d @ b, rtol=1e-4, atol=1e-3)


@pytest.mark.skipif(not fused.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
def test_an_update_in_pieces_has_the_bits_of_the_whole(monkeypatch):
    optimizer, shapes = xn.adamw(), {"w": (1025, 300), "b": (300,), "one": (1,)}
    params, grads, m = ({name: array(shape, "float64") for name, shape in shapes.items()} for _ in range(3))
    slots = {"m": m, "v": {name: x * x for name, x in m.items()}}
    scalars = tuple(float(x) for x in optimizer.scalars(np, np.float64(1e-3), np.float64(3)))
    wanted, wanted_slots = update_each(optimizer.rule, params, grads, slots, scalars)
    loop = fused.rule_loop(optimizer.rule, 2, len(scalars), "d", (2, 1, 1)).__wrapped__
    arrays = [x for name in shapes for x in (params[name], grads[name], m[name], slots["v"][name])]
    monkeypatch.setattr(pieces, "NUMBERS", 2**18)
    (call,) = in_pieces([(loop, (np.asarray(scalars), *arrays))], 4)
    assert call.func is pieces._together
    call()
    product = np.dot, tuple(array((512, 512), "float64") for _ in range(3))
    assert not is_cut(product, (loop, (np.asarray(scalars), *arrays)))
    for name in shapes:
        assert np.array_equal(params[name], wanted[name])
        assert np.array_equal(m[name], wanted_slots["m"][name])


def test_four_cores_work_at_once():
    met = threading.Barrier(4)
    pieces._together([partial(met.wait, 20)] * 4, 4)


def test_busy_threads_hold_nothing_up():
    """Whoever asked makes the pieces that nobody takes."""
    freed, begun, done = threading.Event(), pieces.SimpleQueue(), []

    def wait():
        begun.put(None)
        freed.wait(20)

    for hand in pieces._crew(3, os.getpid()):
        hand.put((pieces.deque([wait]), pieces.SimpleQueue()))
        begun.get(timeout=20)
    try:
        pieces._together([partial(done.append, threading.get_ident()) for _ in range(6)], 4)
        assert len(done) == 6
    finally:
        freed.set()


def test_a_piece_that_another_has_taken_is_no_error():
    class Late(pieces.deque):
        def __bool__(self):
            return True

    pieces._work(Late(), pieces.SimpleQueue())


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
def test_an_error_is_raised_once_all_have_ended(kind):
    ended = []

    def piece(seconds, error=None):
        time.sleep(seconds)
        ended.append(seconds)
        if error:
            raise error

    calls = [partial(piece, 0.0), partial(piece, 0.01, kind("lost")), partial(piece, 0.1)]
    with pytest.raises(kind, match="lost"):
        pieces._together(calls, 4)
    assert sorted(ended) == [0.0, 0.01, 0.1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_a_crew_of_its_own():
    pieces._together([lambda: None] * 4, 4)
    child = os.fork()
    if child == 0:
        met = threading.Barrier(4)
        try:
            pieces._together([partial(met.wait, 20)] * 4, 4)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_training_on_several_cores_has_the_bits_of_one(monkeypatch):
    if not blas._libraries():
        pytest.skip("threadpoolctl is not installed: pip install 'xpnet[fast]'")
    x, y = array((512, 300), "float32"), np.arange(512) % 10
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(blas.machine, "cores", lambda cores=cores: cores)
        monkeypatch.setattr(blas, "given", lambda: None)
        net = xn.Sequential(xn.Dense(320, "relu"), xn.Dense(10))
        model = xn.Model(net, loss="softmax_cross_entropy", optimizer="adam", backend="numpy")
        model.fit(x, y, epochs=3, batch_size=256)
        (step,) = model._trainer._steps.values()
        (program,) = step._programs.values()
        cut = [call for call in program._made if call.func is pieces._together]
        assert cores > 1 or not cut
        found.append((model.history["loss"], {name: p.tobytes() for name, p in model.params.items()}))
    assert found[0] == found[1]
