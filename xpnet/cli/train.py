"""`xpnet train`: a network learns a data set, and is scored on samples held out."""

from __future__ import annotations

import argparse
import json
import os
import time

from . import UsageError, unknown


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("dataset", help="which data set: digits")
    add("--backend", default="auto", metavar="NAME", help="numpy, cupy, torch, jax... (default: %(default)s)")
    add("--device", metavar="NAME", help="such as cpu or cuda:1 (default: the backend's own)")
    add("--dtype", default="float32", choices=("float32", "float64"), help="(default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of all that is random (default: %(default)s)")
    add("--epochs", type=int, default=40, metavar="N", help="passes over the samples (default: %(default)s)")
    add("--batch-size", type=int, default=64, metavar="N", help="samples per step (default: %(default)s)")
    add("--lr", type=float, default=3e-3, metavar="RATE", help="Adam's learning rate (default: %(default)s)")
    add(
        "--hidden",
        type=sizes,
        default="128,64",
        metavar="SIZES",
        help="units of the hidden layers, '' for none (default: %(default)s)",
    )
    add("-q", "--quiet", action="store_true", help="print the result only")
    add("--json", action="store_true", help="print the result as one JSON object")


def sizes(text: str) -> tuple[int, ...]:
    """The units of each hidden layer from text such as "128,64"."""
    try:
        found = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        found = (0,)
    if any(units < 1 for units in found):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of layer sizes such as 128,64")
    return found


def run(args: argparse.Namespace) -> int:
    if "OMP_NUM_THREADS" not in os.environ:
        # on products this small OpenBLAS's threads gain nothing, and cost a factor of 40 on a busy machine
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if args.dtype == "float64":
        os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it loads, and has no float64 without it

    import numpy as np

    import xpnet as xn

    from . import report

    if args.dataset not in xn.data.DATASETS:
        raise unknown("data set", args.dataset, xn.data.DATASETS)
    if args.backend != "auto":
        try:
            xn.backends.find(args.backend)
        except ValueError as error:
            raise UsageError(str(error)) from None

    x, y, *held = xn.data.DATASETS[args.dataset]()
    counts = np.bincount(y)
    label = int(np.argmax(counts))
    hidden = [xn.Dense(units, "relu") for units in args.hidden]
    model = xn.Model(
        xn.Sequential(*hidden, xn.Dense(len(counts))),
        loss="softmax_cross_entropy",
        optimizer=xn.adam(args.lr),
        backend=args.backend,
        device=args.device,
        dtype=args.dtype,
        seed=args.seed,
    )
    assert model.backend is not None
    watch = report.Watch(args.epochs, tuple(held), quiet=args.quiet)
    watch.say(f"backend {model.backend.name} on {model.backend.place}: {model.backend.why}")
    layers = "-".join(map(str, (x.shape[1], *args.hidden, len(counts))))
    watch.say(f"{args.dataset}: {len(x)} samples, {len(held[0])} held out; network {layers}, {args.dtype}")

    xn.backends.keep_pages()  # this process trains and does little else
    start = time.perf_counter()
    model.fit(x, y, epochs=args.epochs, batch_size=args.batch_size, callbacks=[watch])
    seconds = time.perf_counter() - start - watch.aside
    result = {
        "backend": model.backend.name,
        "device": model.backend.place,
        "seed": args.seed,
        "epochs": args.epochs,
        "baseline": float(np.mean(held[1] == label)),
        "train": model.evaluate(x, y),
        "test": model.evaluate(*held),
        "seconds": seconds,
        "samples_per_second": args.epochs * len(x) / seconds,
        "first_epoch_seconds": watch.first_epoch,
    }
    print(json.dumps(result, allow_nan=False) if args.json else report.table(result, label))
    return 0
