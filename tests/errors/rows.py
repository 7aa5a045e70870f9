"""Parts shared by the tables of errors: small models, and the properties of every error.

A row is a call and what it must raise: the class, and pieces of its sentence, which names the argument and what
came. The models of a row are watched: after the error each must be as it was before the call.
"""

import re

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import UnknownNameError

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.arange(12) % 3
ONES = np.ones(12)
NET = xn.Sequential(xn.Dense(4, "tanh"), xn.Dense(3))
NAN, INF = float("nan"), float("inf")

PYTHONS = re.compile(
    "positional argument|keyword argument|unhashable|has no attribute|not iterable|not subscriptable|truth value"
    "|not supported between|must be an iterable|unpack|could not convert|data type|Errno|not callable|out of range"
    "|operands could not|ufunc|expected str|embedded null| object at 0x|np\\.float|overflow|<class|<function"
)
"""Words of Python's and of the libraries', which tell a user nothing about an argument."""

_watched = {}


def model(network=NET, loss="softmax_cross_entropy", optimizer="sgd", **options):
    return watched(xn.Model(network, loss=loss, optimizer=optimizer, **{"backend": "numpy", **options}))


def fitted(y=Y, **options):
    made = model(**options)
    made.fit(X, y, epochs=1)
    return watched(made)


def built(*args, shape=(3,), **options):
    return watched(model(*args, **options).build(shape))


def values(**options):
    return model(xn.Dense(1), "mse", **options)


def binary():
    return model(xn.Dense(1), "sigmoid_cross_entropy")


def fit(x=X, y=Y, *, of=None, epochs=1, **options):
    return (of or model()).fit(x, y, epochs=epochs, **options)


def with_value(value):
    x = X.copy()
    x[4, 2] = value
    return x


def watched(made):
    """The model, whose state from here on must outlive the error."""
    _watched[id(made)] = made, state_of(made)
    return made


def state_of(made):
    """The whole state of a model."""
    arrays = None
    if made.input_shape is not None:
        flat = xn.io.flat_state(made._placement.require_built().dump())
        arrays = {name: (x.dtype, x.shape, x.tobytes()) for name, x in flat.items()}
    place = made.backend and (made.backend.name, made.backend.device_name)
    return arrays, place, made.input_shape, made.targets, {k: list(v) for k, v in made.history.items()}


def wrong(call, *fragments, error=ValueError, name=None, trains=False):
    """A row; with `trains` the error comes after a model was built or trained, and it need not be as before."""
    return pytest.param(call, error, fragments, trains, id=name or " ".join(fragments))


def each(call, values, *fragments, **more):
    """A row for each value, which the message must show."""
    return [wrong(lambda value=value: call(value), *fragments, repr(value), **more) for value in values]


def table(*rows):
    return pytest.mark.parametrize(("call", "error", "fragments", "trains"), rows)


def check(call, error, fragments, trains=False):
    """The call raises this very class, in one sentence that holds the fragments, and leaves its models alone."""
    _watched.clear()
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    known = {ValueError, UnknownNameError} if error is ValueError else {error}  # a name is a value
    assert type(caught.value) in known, f"{type(caught.value).__name__}: {message}"
    assert [fragment for fragment in fragments if fragment not in message] == [], message
    assert not PYTHONS.search(message), message
    assert "\n" not in message
    assert not re.search(r"\. [A-Z]|\.$", message), message
    for made, before in [] if trains else _watched.values():
        assert state_of(made) == before, message
