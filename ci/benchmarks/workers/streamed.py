"""Training on samples in a file, in a process of its own: `streamed.py WAY FOLDER EPOCHS MIB` prints JSON.

WAY: memory (x.npy is loaded), file (it is mapped) or batches (a function gives them from the mapped file). MIB: how
much it may allocate beside what it has when it begins, 0 for no bound. Its first line says that it begins.
"""

import hashlib
import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from task import TASKS

import xpnet as xn

GIVEN = TASKS["medium"]


class Clock(xn.Callback):
    """Seconds of each epoch."""

    def on_begin(self, model):
        self.seconds, self.begun = [], time.perf_counter()

    def on_epoch(self, model, record):
        now = time.perf_counter()
        self.seconds.append(now - self.begun)
        self.begun = now


def fresh():
    hidden = [xn.Dense(units, "relu") for units in GIVEN.sizes[1:-1]]
    network = xn.Sequential(*hidden, xn.Dense(GIVEN.sizes[-1]))
    options = {"optimizer": xn.adam(1e-3), "backend": "numpy", "natives": find_spec("numba") is not None}
    return xn.Model(network, loss="softmax_cross_entropy", **options)


def limit(mebibytes):
    """Has the system refuse more memory of this process's own; pages of a file are not counted, it takes them back."""
    import resource

    lines = Path("/proc/self/status").read_text().splitlines()
    now = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (now + mebibytes * 2**20,) * 2)


def train(way, folder, epochs):
    """(seconds of each epoch, a digest of the parameters)."""
    y = np.load(folder / "y.npy")
    x = np.load(folder / "x.npy", mmap_mode=None if way == "memory" else "r")
    model, clock = fresh(), Clock()
    if way == "batches":
        parts = [slice(start, start + GIVEN.batch) for start in range(0, len(x), GIVEN.batch)]
        model.fit(lambda: ((x[part], y[part]) for part in parts), epochs=epochs, callbacks=[clock])
    else:
        model.fit(x, y, epochs=epochs, batch_size=GIVEN.batch, callbacks=[clock])
    digest = hashlib.sha256(b"".join(p.tobytes() for p in model.params.values())).hexdigest()
    return clock.seconds, digest


def main():
    way, folder, epochs, bound = sys.argv[1:]
    some = np.load(Path(folder) / "x.npy", mmap_mode="r")[: 4 * GIVEN.batch]
    fresh().fit(
        some, np.arange(len(some)) % 10, epochs=1, batch_size=GIVEN.batch
    )  # loads what is loaded once
    if int(bound):
        limit(int(bound))
    print("begins", flush=True)
    sys.stdin.readline()
    try:
        seconds, digest = train(way, Path(folder), int(epochs))
    except MemoryError:
        print(json.dumps({"refused": True}))
    else:
        print(json.dumps({"refused": False, "seconds": seconds, "digest": digest}))


if __name__ == "__main__":
    main()
