"""A third party's array library, registered by a backend class of five lines.

Its arrays are no ndarrays, do not mix with them, have a device of their own, and offer the host DLPack alone.
"""

import operator
from types import ModuleType

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import Backend, register, registry
from xpnet.testing import run_table


class Strange:
    """An array that holds a NumPy array and does not expose it."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, inner):
        self._inner = np.asarray(inner)

    shape = property(lambda self: self._inner.shape)
    dtype = property(lambda self: self._inner.dtype)
    ndim = property(lambda self: self._inner.ndim)
    device = property(lambda self: "elsewhere")

    def __array_namespace__(self, api_version=None):
        return strange

    def __dlpack__(self, **options):
        return self._inner.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._inner.__dlpack_device__()

    def __getitem__(self, key):
        return Strange(self._inner[bare(key)])

    def __float__(self):
        return float(self._inner)

    def __int__(self):
        return int(self._inner)

    def __bool__(self):
        return bool(self._inner)


def bare(x):
    """The NumPy array within; TypeError for a plain one, which a real foreign library would not accept."""
    if isinstance(x, np.ndarray | np.generic):
        raise TypeError("a NumPy array reached the strange library")
    if isinstance(x, tuple | list):
        return type(x)(bare(member) for member in x)
    return x._inner if isinstance(x, Strange) else x


def function(name):
    def call(*args, device=None, **options):
        assert device in (None, "elsewhere")
        options = {key: bare(value) for key, value in options.items()}
        return Strange(getattr(np, name)(*bare(args), **options))

    return call


def both_ways(name):
    forward = getattr(operator, f"__{name}__")
    setattr(Strange, f"__{name}__", lambda self, other: Strange(forward(self._inner, bare(other))))
    setattr(Strange, f"__r{name}__", lambda self, other: Strange(forward(bare(other), self._inner)))


for name in ("add", "sub", "mul", "truediv", "matmul", "pow", "and", "xor", "rshift"):
    both_ways(name)
for name in ("lt", "le", "gt", "ge", "eq", "ne"):
    compare = getattr(operator, name)
    setattr(Strange, f"__{name}__", lambda self, other, f=compare: Strange(f(self._inner, bare(other))))
for name in ("neg", "invert"):
    unary = getattr(operator, name)
    setattr(Strange, f"__{name}__", lambda self, f=unary: Strange(f(self._inner)))

STANDARD = """abs all any arange argmax argsort astype broadcast_to concat cos count_nonzero exp expm1 flip floor full
isfinite isnan log log1p logical_and logical_not logical_or matrix_transpose max maximum mean min moveaxis ones
ones_like permute_dims repeat reshape round searchsorted sign sin sqrt stack sum take tanh tril where zeros
zeros_like"""

strange = ModuleType("strange")
for name in STANDARD.split():
    setattr(strange, name, function(name))
for name in ("float32", "float64", "int8", "int32", "int64", "bool"):
    setattr(strange, name, getattr(np, name))
strange.finfo, strange.isdtype = np.finfo, np.isdtype


def asarray(x, dtype=None, device=None, copy=None):
    return Strange(np.array(x._inner if isinstance(x, Strange) else x, dtype=dtype, copy=True))


class Info:
    def default_device(self):
        return "elsewhere"

    def devices(self):
        return ["elsewhere"]


strange.asarray, strange.__array_namespace_info__ = asarray, Info


class StrangeBackend(Backend):
    name = "strange"

    @property
    def xp(self):
        return strange


@pytest.fixture(autouse=True)
def joined():
    register("strange", StrangeBackend)
    yield
    registry._known.pop("strange")


@pytest.mark.sample(1, of="whole tables")
def test_the_oracles_table_passes():
    with np.errstate(all="ignore"):  # its arithmetic is NumPy's, warnings included
        outcomes = list(run_table("strange"))
    assert [outcome for outcome in outcomes if outcome.status == "failed"] == []
    assert sum(outcome.status == "passed" for outcome in outcomes) > 600


def test_a_foreign_library_trains_as_numpy_does(tmp_path):
    data = xn.data.digits()
    models = []
    for name in ("strange", "numpy"):
        network = xn.Sequential(xn.Dense(16, "relu"), xn.Dropout(0.2), xn.Dense(10))
        model = xn.Model(
            network, loss="softmax_cross_entropy", optimizer="adam", backend=name, dtype="float64"
        )
        model.fit(data.x_train[:200], data.y_train[:200], epochs=3)
        models.append(model)
    foreign, known = models
    assert all(isinstance(p, Strange) for p in foreign.params.values())
    wanted = known.predict_proba(data.x_test)
    assert np.abs(foreign.predict_proba(data.x_test) - wanted).max() <= 1e-12
    assert isinstance(foreign.predict(asarray(data.x_test[:5])), Strange)
    foreign.save(tmp_path / "m")
    assert np.abs(xn.load(tmp_path / "m", backend="numpy").predict_proba(data.x_test) - wanted).max() <= 1e-12
    with pytest.raises(TypeError, match="strange"):
        known.predict(asarray(data.x_test))
