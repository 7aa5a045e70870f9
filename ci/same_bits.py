"""Trains the same networks with this checkout and with another, and says where a bit of the results differs.

    python ci/same_bits.py --build PATH [--only TEXT]

For a change that moves or renames code and means to change no result. Each build runs in a process of its own, on
NumPy with natives and without, in float32 and float64: every network of the oracle's table, every optimizer, every
activation in a dense layer, and one network whose products are large enough for several cores. Exit status 1 where
the parameters, the losses, the predictions or the names of the natives differ.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
DTYPES = "float32", "float64"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, help="the other checkout's root")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only the results whose names hold this text"
    )
    parser.add_argument("--print", action="store_true", help="only print this checkout's hashes, as JSON")
    options = parser.parse_args()
    if options.print:
        chosen = {name: result() for name, result in results() if options.only in name}
        json.dump(chosen, sys.stdout)
        return 0
    if options.build is None or not (options.build / "xpnet").is_dir():
        parser.error(f"--build {options.build}: a checkout of xpnet was wanted, a folder with `xpnet` in it")
    ours, theirs = (of_build(root, options.only) for root in (HERE, options.build.resolve()))
    if not ours:
        parser.error(f"--only {options.only!r}: no result has a name with this text")
    missing = sorted(set(ours) ^ set(theirs))
    differing = [name for name in ours if name in theirs and ours[name] != theirs[name]]
    for name in differing:
        print(f"differs: {name}")
    for name in missing:
        print(f"in one build only: {name}")
    print(f"{len(ours)} results, {len(differing)} differ, {len(missing)} are in one build only")
    return 1 if differing or missing else 0


def of_build(root, only):
    """The hashes of a checkout's results, in a process that imports this checkout and no other."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, str(Path(__file__).resolve()), "--print", "--only", only]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{root}: {done.stderr}")
    return json.loads(done.stdout)


def results():
    """(the name of a result, a function that returns a hash of its bits) of everything that is trained."""
    import numpy as np

    import xpnet as xn
    from xpnet.testing.optimizers import OPTIMIZERS
    from xpnet.testing.steps import NETWORKS

    for natives in (False, True):
        for dtype in DTYPES:
            label = f"{dtype}, natives={natives}"
            numpy = {"backend": "numpy", "dtype": dtype, "natives": natives, "seed": 0}
            for row in NETWORKS:
                options = {**numpy, **row.options}
                model = xn.Model(row.network, loss=row.loss, optimizer=row.optimizer, **options)
                yield f"{row.name}, {label}", partial(trained, model, *row.data(37))
            rng = np.random.default_rng(0)
            x, y = rng.standard_normal((37, 5)), np.arange(37) % 3
            for row in OPTIMIZERS:
                net = xn.Sequential(xn.Dense(7, "tanh"), xn.Dense(3))
                model = xn.Model(net, loss="softmax_cross_entropy", optimizer=row.optimizer, **numpy)
                yield f"{row.name}, {label}", partial(trained, model, x, y)
            for name in xn.ops.ACTIVATIONS:
                net = xn.Sequential(xn.Dense(8, name), xn.Dense(3))
                model = xn.Model(net, loss="softmax_cross_entropy", optimizer="adam", **numpy)
                yield f"{name}, {label}", partial(trained, model, x, y)
            x, y = rng.standard_normal((600, 300)), np.arange(600) % 10
            net = xn.Sequential(xn.Dense(512, "gelu"), xn.Dropout(0.1), xn.Dense(384, "relu"), xn.Dense(10))
            model = xn.Model(net, loss="softmax_cross_entropy", optimizer="adam", **numpy)
            yield f"large products, {label}", partial(trained, model, x, y, batch_size=256)
    for dtype in DTYPES:
        yield f"names of the natives, {dtype}", partial(native_names, dtype)


def trained(model, x, y, batch_size=8):
    """A hash of what four epochs leave: parameters, buffers, losses, and a prediction made three times."""
    import numpy as np

    model.fit(x, y, epochs=4, batch_size=batch_size)
    found = hashlib.sha256(repr(dict(model.history)).encode())
    arrays = {**model.params, **model.buffers}
    outputs = [model.forward(x[:3]) for _ in range(3)]
    for array in [*(arrays[name] for name in sorted(arrays)), *outputs]:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def native_names(dtype):
    import xpnet as xn

    return sorted(xn.backends.get("numpy").natives(True, dtype=dtype, seconds=0.0).ops)


if __name__ == "__main__":
    sys.exit(main())
