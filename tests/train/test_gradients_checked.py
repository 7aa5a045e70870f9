"""What a layer of one's own may get wrong is named at the first step, and a float64 start is cast."""

from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet.namespace import namespace

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.arange(12) % 3


@dataclass(frozen=True)
class Scale(xn.Layer):
    """y = x scale, with one thing wrong."""

    fault: str = ""

    def init(self, rng, input_shape, dtype):
        return {"scale": np.ones(input_shape)}, {"count": np.zeros(1)}, input_shape

    def forward(self, params, x, ctx):
        scale, xp = params["scale"], namespace(x)
        if ctx.train:
            ctx.update("cuont" if self.fault == "buffer" else "count", params["count"] + 1.0)

        def pullback(dy):
            dscale = dy * x if self.fault == "sum" else xp.sum(dy * x, axis=0)
            grads = {"missing": {}, "name": {"weight": dscale}}.get(self.fault, {"scale": dscale})
            return dy * scale, grads

        return x * scale, pullback


def fit(fault, **options):
    model = xn.Model(
        xn.Sequential(Scale(fault), xn.Dense(3)),
        loss="softmax_cross_entropy",
        optimizer="adam",
        backend="numpy",
    )
    model.fit(X, Y, epochs=2)
    return model


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("sum", r"gradient '0\.scale' of shape \(12, 3\), wanted is \(3,\): sum it over the batch"),
        ("missing", r"no gradient for \['0\.scale'\]"),
        ("name", r"gradient '0\.weight', which it does not have"),
        ("buffer", r"buffer update '0\.cuont', which it does not have"),
    ],
)
def test_a_fault_of_a_layer_is_named(fault, message):
    with pytest.raises(ValueError, match=message):
        fit(fault)


def test_new_buffers_reach_the_state_and_a_float64_start_is_cast():
    model = fit("")
    assert model.buffers["0.count"].tolist() == [2.0]
    assert {p.dtype.name for p in (*model.params.values(), *model.buffers.values())} == {"float32"}
