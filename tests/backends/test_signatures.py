"""Natives repeat the signature of their portable twin: the same keywords, with the same defaults."""

import inspect
from importlib import import_module

import numpy as np

from xpnet import ops

MODULES = {"add_rows": "xpnet.ops.embedding", "scan": "xpnet.ops.scan"}


def parameters(op):
    """(kind, default) of each parameter, and the name of those given by keyword."""
    return [
        (p.kind, p.default, p.name if p.kind is p.KEYWORD_ONLY else None)
        for p in inspect.signature(op).parameters.values()
    ]


def tables():
    """The natives of each library that can be imported, as (library, name, native)."""
    from xpnet.backends.cupy.natives import table

    found = {"cupy": table(lambda *_, **__: None)}
    makers = ("softmax_cross_entropy", "dropout", "add_rows", "max_pool")
    if importable("numba"):
        from xpnet.backends.numpy import natives as numpy_natives

        kind = np.dtype("float32")
        found["numpy"] = {name: getattr(numpy_natives, f"_{name}")(kind) for name in makers}
        found["numpy"] |= {"make_key": numpy_natives._make_key(), "linear": numpy_natives.linear([], kind)}
    if importable("torch"):
        found["torch"] = import_module("xpnet.backends.torch.natives").TABLE
    if importable("jax"):
        found["jax"] = import_module("xpnet.backends.jax.natives").ON_CPU
    return [(library, name, op) for library, natives in found.items() for name, op in natives.items()]


def importable(package):
    try:
        return import_module(package)
    except ImportError:
        return None


def test_natives_have_the_signature_of_their_twin():
    compared = set()
    for library, name, native in tables():
        twin = getattr(import_module(MODULES[name]) if name in MODULES else ops, name).portable
        if any(p.kind is p.VAR_KEYWORD for p in inspect.signature(native).parameters.values()):
            continue  # any activation's: it passes all its options on
        assert parameters(native) == parameters(twin), f"{library}: {name}"
        compared.add(name)
    assert {"linear", "softmax_cross_entropy", "dropout", "make_key"} <= compared
