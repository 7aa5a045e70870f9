"""Norms whose squares overflow are NaN, which a training finds, and never 0, which nothing shows."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops

HUGE = np.asarray([[3e19, -1e20, 2e20, 5e19], [1.0, 2.0, -1.0, 0.5]], "float32")
ONE, NONE = np.ones(4, "float32"), np.zeros(4, "float32")
NORMS = {
    "batch_norm": lambda x, one, none: ops.batch_norm(x, one, none)[0][0],
    "layer_norm": lambda x, one, none: ops.layer_norm(x, one, none)[0],
    "rms_norm": lambda x, one, none: ops.rms_norm(x, one)[0],
    "group_norm": lambda x, one, none: ops.group_norm(x, one, none, groups=2)[0],
    "cosine_distance": lambda x, one, none: ops.cosine_distance(x, target=x)[0],
}


@pytest.mark.parametrize("op", NORMS)
def test_a_norm_whose_squares_overflow(op, backend):
    with backend.device_context():
        y = backend.to_numpy(NORMS[op](*(backend.asarray(a) for a in (HUGE, ONE, NONE))))
    of_both = op == "batch_norm"  # whose statistics are those of all samples
    assert np.isnan(y[0]).all()
    assert np.isnan(y[1]).all() == of_both
    assert np.isnan(y[1]).any() == of_both


def test_clip_norm_of_a_gradient_whose_square_overflows(backend):
    model = xn.Model(xn.Dense(1), loss="mse", optimizer=xn.sgd(0.1, clip_norm=1.0), backend=backend)
    with pytest.raises(xn.DivergedError):
        model.fit(HUGE[:1] / 1e10, np.asarray([1e15], "float32"), epochs=1)
