"""Stand-ins for `cupy.ElementwiseKernel`, the same text compiled as C++ and run on the CPU, and for CuPy's backend."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from xpnet import ops
from xpnet.backends import Backend
from xpnet.backends.cupy.backend import CupyBackend
from xpnet.backends.cupy.codegen import updater
from xpnet.backends.cupy.natives import table
from xpnet.backends.numpy.backend import NumpyBackend
from xpnet.testing.optimizers import OPTIMIZERS

from ..activation_options import OPTIONS

COMPILER = shutil.which("c++")

CUDA = """
#include <algorithm>
#include <cmath>
#include <cstddef>
using namespace std;
#define __device__
#define __forceinline__ static inline
float __fadd_rn(float x, float y) { return x + y; }
float __fsub_rn(float x, float y) { return x - y; }
float __fmul_rn(float x, float y) { return x * y; }
double __dadd_rn(double x, double y) { return x + y; }
double __dsub_rn(double x, double y) { return x - y; }
double __dmul_rn(double x, double y) { return x * y; }
inline float max(float x, float y) { return fmaxf(x, y); }
inline float min(float x, float y) { return fminf(x, y); }
inline double max(double x, double y) { return fmax(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
"""
"""The part of CUDA C that the kernels use; max and min ignore NaN, and -ffp-contract=off prevents contraction."""
KINDS = {"float32": "float", "float64": "double", "int32": "int", "int64": "long long", "bool": "bool"}


WAITING = []
"""The kernels that are defined and not yet compiled."""


class Parameter:
    """A parameter of a kernel, as one of `raw T x, int64 label`."""

    def __init__(self, text):
        *raw, self.kind, self.name = text.split()
        assert raw in ([], ["raw"]), text
        self.raw = bool(raw)
        assert self.kind == "T" or self.kind in KINDS, text
        assert self.name not in ("i", "n", "T"), "CuPy has them itself"
        self.type = KINDS.get(self.kind, "T")


class HostKernel:
    """As in CuPy: arrays broadcast unless raw, dtypes are checked, what is written is new unless all of it is given.

    All that were defined before the first call of one are compiled together, for both dtypes.
    """

    def __init__(self, reads, writes, body, name, *, preamble="", return_tuple=False):
        assert name.isidentifier()
        assert return_tuple
        self.reads, self.writes = ([Parameter(part) for part in text.split(",")] for text in (reads, writes))
        self.body, self.preamble, self.compiled = body, preamble, None
        WAITING.append(self)

    def __call__(self, *args):
        count = len(self.reads)
        assert len(args) in (count, count + len(self.writes))
        taken = list(zip(args, [*self.reads, *self.writes], strict=False))
        kinds = dtypes_of_t(taken, np.ndarray) or dtypes_of_t(taken, np.generic) or {"float32"}
        kind = min(kinds)
        for x, p in taken:
            assert isinstance(x, np.ndarray | np.generic) or not p.raw
            if isinstance(x, np.ndarray) and x.dtype != (kind if p.kind == "T" else p.kind):
                raise TypeError(f"Type is mismatched. {p.name}")
        shape = np.broadcast_shapes(*(np.shape(x) for x, p in taken if not p.raw))
        found = args[count:] or [np.empty(shape, kind if p.kind == "T" else p.kind) for p in self.writes]
        for x in found:
            if x.shape != shape:
                raise ValueError("Out shape is mismatched")
        given = []
        for x, p in zip(args[:count], self.reads, strict=True):
            dtype = kind if p.kind == "T" else p.kind
            each = x if p.raw or np.ndim(x) == 0 else np.broadcast_to(x, shape)
            given.append(np.ascontiguousarray(each, dtype))
        written = [np.ascontiguousarray(x) for x in found]
        if all(shape):
            self._run(kind, int(np.prod(shape)), given + written)
        for x, new in zip(found, written, strict=True):
            x[...] = new
        return tuple(found)

    def _run(self, kind, n, arrays):
        if self.compiled is None:
            compile_all(WAITING)
            WAITING.clear()
        pointers = (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
        steps = (ctypes.c_ssize_t * len(arrays))(*(int(x.size == n) for x in arrays))
        self.compiled[kind](ctypes.c_ssize_t(n), pointers, steps)

    def source(self, name):
        """The C++ code of a loop over n elements; an array of one element has step 0."""
        both = [*((p, "const ") for p in self.reads), *((p, "") for p in self.writes)]
        whole = [
            f"{const}{p.type} *{p.name}{'' if p.raw else '_of'} = ({const}{p.type} *) a[{k}];"
            for k, (p, const) in enumerate(both)
        ]
        each = [
            f"{const}{p.type} &{p.name} = {p.name}_of[i * step[{k}]];"
            for k, (p, const) in enumerate(both)
            if not p.raw
        ]
        return "\n".join(
            [
                f"namespace {name} {{ {self.preamble}",
                "template <typename T> void run(ptrdiff_t n, void **a, const ptrdiff_t *step) {",
                *whole,
                "for (ptrdiff_t i = 0; i < n; ++i) {",
                *each,
                f"{self.body}; }} }} }}",
                *(
                    f'extern "C" void {name}_{kind}(ptrdiff_t n, void **a, const ptrdiff_t *step) '
                    f"{{ {name}::run<{KINDS[kind]}>(n, a, step); }}"
                    for kind in ("float32", "float64")
                ),
            ]
        )


def dtypes_of_t(taken, form):
    """The dtypes of the arrays that T stands for, or of NumPy's numbers if none is an array."""
    return {x.dtype.name for x, p in taken if p.kind == "T" and isinstance(x, form)}


def compile_all(kernels):
    """Compiles all defined kernels to one library, and loads it."""
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        names = [f"kernel{k}" for k in range(len(kernels))]
        parts = [k.source(name) for k, name in zip(kernels, names, strict=True)]
        text.write_text("\n".join([CUDA, *parts]))
        options = ["-std=c++17", "-O2", "-ffp-contract=off", "-w", "-fPIC", "-shared"]
        subprocess.run([COMPILER, *options, "-o", library, text], check=True)
        loaded = ctypes.CDLL(str(library))
    for one, name in zip(kernels, names, strict=True):
        one.compiled = {kind: loaded[f"{name}_{kind}"] for kind in ("float32", "float64")}


class OnHost(CupyBackend):
    """CuPy's natives on NumPy's arrays."""

    name, package = "cupy-on-host", None
    xp = property(lambda self: np)
    device_name, synchronize, to_numpy, from_numpy = (
        Backend.device_name,
        Backend.synchronize,
        Backend.to_numpy,
        Backend.from_numpy,
    )
    device, copy_to = NumpyBackend.device, NumpyBackend.copy_to
    device_context = NumpyBackend.device_context


CHOSEN = [*((name, {}) for name in table(HostKernel) if name in ops.ACTIVATIONS), *OPTIONS.items()]


def define_all():
    """Defines all kernels by calls on empty arrays, which need none compiled: one compiler run then serves all."""
    none, w, b = np.zeros((0, 2)), np.zeros((2, 2)), np.zeros(2)
    for name, options in CHOSEN:
        table(HostKernel)[name](none, **options)
        table(HostKernel)["linear"](none, w, b, activation=partial(ops.ACTIVATIONS[name], **options))
    for kind in (np.float32, np.float64):
        for part in (row.part for row in OPTIMIZERS):
            scalars, slots = (
                part.scalars(np, *map(np.asarray, (kind(0.1), kind(1.0)))),
                {slot: {"w": kind([])} for slot in part.slots},
            )
            updater(HostKernel)(part.rule, {"w": kind([])}, {"w": kind([])}, slots, scalars)


def leaves(backend, tree):
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves(backend, part)]
    return [] if tree is None else [np.asarray(backend.to_numpy(tree))]


def near(got, wanted):
    """Equal to rounding: the transcendental functions are another library's."""
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    tolerance = 1e-5 if wanted.dtype == "float32" else 1e-13
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
