"""`xpnet evaluate`: the scores of a trained model on data whose answers are known."""

from __future__ import annotations

import argparse

from . import shared


def options(parser: argparse.ArgumentParser) -> None:
    shared.options_of_answers(parser)


def run(args: argparse.Namespace) -> int:
    model = shared.model_of(args)
    shared.reading(args, args.data)

    from ..runs import predict

    result, notes = predict.evaluate(model, args.data)
    shared.say(
        args, *notes, f"{result['samples']} samples, backend {result['backend']} on {result['device']}"
    )
    parts = {"data": result["scores"]}
    shared.show(args, result, lambda: shared.scores(parts, result["baseline"], result["baseline_says"]))
    return 0
