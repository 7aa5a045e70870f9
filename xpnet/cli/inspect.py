"""`xpnet inspect`: a model's layers, its parameters, and the data that it expects."""

from __future__ import annotations

import argparse

from . import shared

MAX_COLUMNS_SHOWN = 30
"""The most columns of a table that are shown; --json has all."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model file, or the folder of a run")


def run(args: argparse.Namespace) -> int:
    model = shared.model_of(args)

    from ..runs import predict

    result = predict.describe(model)

    def text() -> str:
        last = ", ".join(f"{name} {value:.4g}" for name, value in result["last"].items() if value is not None)
        shown = dict(list(result["columns"].items())[:MAX_COLUMNS_SHOWN])
        rows = [
            ("loss", result["loss"]),
            ("optimizer", result["optimizer"]),
            ("trained", f"{result['epochs']} epochs; {last}" if result["epochs"] else "not yet"),
            ("expects", result["expects"]),
            *(("", f"{name}: {about}") for name, about in shown.items()),
            *[("", "...")] * (len(shown) < len(result["columns"])),
            ("answers", result["answers"]),
        ]
        return f"{model.summary()}\n\n{shared.table(rows)}"

    shared.show(args, result, text)
    return 0
