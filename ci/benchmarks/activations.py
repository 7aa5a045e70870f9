"""Times the activations on NumPy: whole arrays, compiled loops, and PyTorch.

    python ci/benchmarks/activations.py [--quick] [--cores one|all] [--only NAME] [--json FILE]

For each activation, size and dtype: microseconds of a forward pass, and of a forward and a backward pass, medians of
interleaved repeats in one process on one core, and whether the natives give the portable bits. On all cores: those
passes of a dense layer without its products, as a whole and partitioned, each just after a partitioned product.
"""

import argparse
import json
import os
import statistics
import time
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from xpnet import ops
from xpnet.compiler import loading
from xpnet.namespace import with_natives

SIZES = (4_096, 262_144)
DTYPES = ("float32", "float64")
PASSES = ("forward", "both")
ACTIVATIONS = {
    name: op for name, op in ops.ACTIVATIONS.items() if hasattr(op, "portable") and "softmax" not in name
}
ACTIVATIONS |= {"gelu, by tanh": partial(ops.gelu, approximate=True)}
TORCH = {
    "log_sigmoid": "logsigmoid",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
    "hard_tanh": "hardtanh",
}
"""PyTorch's names of activations, where they differ from xpnet's."""


def numpy_ways(op, x, dy, table=None):
    """{pass: a call of it} on NumPy, with a table of natives in force."""

    def forward():
        return op(x)[0]

    def both():
        y, pullback = op(x)
        return y, *pullback(dy)

    return {
        name: with_natives(run, np.ndarray, table=table or {})
        for name, run in (("forward", forward), ("both", both))
    }


def torch_ways(name, x, dy):
    """The same in PyTorch; nothing where it is not installed, or has no such function."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    plain, _, approximate = name.partition(", by ")
    function = getattr(torch.nn.functional, TORCH.get(plain, plain), None)
    if function is None:
        return {}
    function = partial(function, approximate=approximate) if approximate else function
    x, dy = torch.from_numpy(x.copy()), torch.from_numpy(dy)
    leaf = x.clone().requires_grad_()

    def forward():
        with torch.no_grad():
            return function(x)

    return {"forward": forward, "both": lambda: torch.autograd.grad(function(leaf), leaf, dy)}


def medians(ways, size, repeats):
    """{(who, pass): microseconds}, each in its turn."""
    calls = {(who, name): call for who, passes in ways.items() for name, call in passes.items()}
    count = max(1, 2**16 // size)
    times = {key: [] for key in calls}
    for _ in range(repeats):
        for key, call in calls.items():
            call()
            start = time.perf_counter()
            for _ in range(count):
                call()
            times[key].append((time.perf_counter() - start) / count * 1e6)
    return {key: statistics.median(found) for key, found in times.items()}


def row(name, size, dtype, repeats):
    """One row of the table, by its columns' names."""
    from xpnet.backends.numpy.natives import table

    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(size).astype(dtype) for _ in range(2))
    ways = {
        "portable": numpy_ways(ACTIVATIONS[name], x, dy),
        "native": numpy_ways(ACTIVATIONS[name], x, dy, table(dtype)),
        "torch": torch_ways(name, x, dy),
    }
    pairs = zip(ways["portable"]["both"](), ways["native"]["both"](), strict=True)
    same = all(wanted.tobytes() == got.tobytes() for wanted, got in pairs)
    found = medians(ways, size, repeats)
    times = {f"{who}, {part}": us for (who, part), us in found.items()}
    return {"activation": name, "numbers": size, "dtype": dtype, **times, "same": same}


def dense_row(name, shape, dtype, repeats):
    """One row of the table of all cores: a dense layer's passes after x w, and after dy w^T."""
    from xpnet.backends.activation import specialize
    from xpnet.backends.cores import cores
    from xpnet.backends.numpy.activations import _dense_passes
    from xpnet.compiler.partition import partition
    from xpnet.compiler.threadpool import Parallelism

    kind, rng = np.dtype(dtype), np.random.default_rng(0)
    op = ACTIVATIONS[name]
    options = op.keywords if isinstance(op, partial) else {}
    choose = specialize(getattr(op, "func", op), partial(_dense_passes, kind=kind), kind.type)
    passes, numbers = choose(options)
    (rows, columns), wide = shape, 784
    x, w = rng.standard_normal((rows, wide)).astype(kind), rng.standard_normal((wide, columns)).astype(kind)
    z, b = np.empty(shape, kind), np.zeros(columns, kind)
    arrays = [z, *[np.ones_like(z) for _ in passes.extra]]
    kept, dz, db = [arrays[index] for index in passes.residuals], np.empty_like(z), np.empty_like(b)
    parallelism = Parallelism(cores(), nogil=True)
    (product,) = partition([(np.matmul, (x, w / wide**0.5, z))], parallelism)
    calls = {
        "forward": (passes.forward, (*arrays, b, *numbers)),
        "backward": (passes.backward, (z, *kept, dz, db, *numbers)),
    }
    times = {}
    for part, (kernel, args) in calls.items():
        ways = {
            "whole": partial(kernel.call, *args),
            "partitioned": partition([(kernel, args)], parallelism)[0],
        }
        found = {who: [] for who in ways}
        for _ in range(repeats):
            for who, call in ways.items():
                product()
                start = time.perf_counter()
                call()
                found[who].append((time.perf_counter() - start) * 1e6)
        times |= {f"{part}, {who}": statistics.median(us) for who, us in found.items()}
    return {"activation": name, "shape": list(shape), "dtype": dtype, **times}


def on_all_cores(names, quick):
    """The rows of the table of all cores, which it prints."""
    print("Microseconds: a dense layer's passes without its products, whole and partitioned.\n")
    print("| activation | shape | dtype | forward | partitioned | backward | partitioned |")
    print("|---|---|---|---:|---:|---:|---:|")
    rows = []
    for shape in ((8, 8),) if quick else ((128, 256), (256, 1024)):
        for name in names:
            found = dense_row(name, shape, "float32", 1 if quick else 101)
            rows.append(found)
            cells = [
                found[f"{part}, {who}"]
                for part in ("forward", "backward")
                for who in ("whole", "partitioned")
            ]
            shown = " | ".join(f"{us:,.1f}" for us in cells)
            print(f"| {name} | {' x '.join(map(str, shape))} | float32 | {shown} |", flush=True)
    return rows


def on_one_core(names, quick):
    """The rows of the table of one core, which it prints."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    print("Microseconds: portable, native and PyTorch's forward pass, then forward and backward pass.\n")
    print(
        "| activation | numbers | dtype | portable | native | torch | portable | native | torch | same bits |"
    )
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|---|")
    for dtype in DTYPES[:1] if quick else DTYPES:
        for size in (64,) if quick else SIZES:
            for name in names:
                found = row(name, size, dtype, 1 if quick else 15)
                rows.append(found)
                cells = [
                    found.get(f"{who}, {part}") for part in PASSES for who in ("portable", "native", "torch")
                ]
                shown = " | ".join("" if us is None else f"{us:,.1f}" for us in cells)
                print(
                    f"| {name} | {size:,} | {dtype} | {shown} | {'yes' if found['same'] else 'NO'} |",
                    flush=True,
                )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one repeat of small arrays: shows that it runs")
    parser.add_argument("--cores", choices=("one", "all"), default="one", help="default: %(default)s")
    parser.add_argument(
        "--only", action="append", choices=ACTIVATIONS, help="this activation; may be repeated"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    args = parser.parse_args()
    if not loading.available():
        print("absent: numba is not installed: pip install 'xpnet[fast]'")
        return
    names = args.only or sorted(ACTIVATIONS)
    rows = on_all_cores(names, args.quick) if args.cores == "all" else on_one_core(names, args.quick)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)
    if args.quick:
        print("\nquick: its times prove nothing")


if __name__ == "__main__":
    main()
