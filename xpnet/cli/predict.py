"""`xpnet predict`: a trained model's answers for new rows, as CSV."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

from . import shared


def options(parser: argparse.ArgumentParser) -> None:
    shared.options_of_answers(parser)
    add = parser.add_argument
    add("--proba", action="store_true", help="also the probability of each label")
    add("-o", "--output", metavar="FILE", type=Path, help="where to write (default: standard output)")
    add("--force", action="store_true", help="replace the file")


def run(args: argparse.Namespace) -> int:
    if args.output is not None and args.output.is_file() and not args.force:
        raise FileExistsError(
            f"{args.output} already exists: choose another file, or use --force to replace it"
        )
    model = shared.model_of(args)
    shared.reading(args, args.data)

    from ..io import write_whole
    from ..runs import folder, predict

    columns, notes = predict.predict(model, args.data, proba=args.proba)
    shared.say(args, *notes)

    def text() -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return out.getvalue()

    place = args.output
    if place is None:
        shared.show(args, columns, lambda: text().removesuffix("\n"), exact=True)
    else:
        if place.is_file() and not args.force:  # it was not there at the start
            place = folder.beside(place, place.suffix)
            shared.say(args, f"{args.output} is there by now: the predictions are in {place}")
        write_whole(place, [text().encode()])
        count = len(next(iter(columns.values())))
        shared.say(args, f"{count} predictions in {place}")
        if args.json:
            shared.show(args, {"output": str(place), "rows": count}, str)
    return 0
