"""`xpnet train`: a network learns a data set or a file, and is scored on samples held out."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..runs.config import OPTIONS, Config, read
from . import UsageError, shared


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "data",
        nargs="?",
        metavar="DATA",
        help="a CSV file, .npz, a folder of IDX files, or a data set by name",
    )
    for name, option in list(OPTIONS.items())[1:]:
        more = dict(option.metadata)
        more["help"] += f" (default: {more.pop('tells', option.default)})"
        add(f"--{name.replace('_', '-')}", **more)
    add(
        "--config",
        metavar="FILE",
        help="settings in a TOML file, which options override; a run's config.toml repeats the run",
    )
    add(
        "--print-config",
        action="store_true",
        help="print all settings, the inferred ones included, and do not train",
    )
    add(
        "--output",
        metavar="DIR",
        type=Path,
        help="the run's folder (default: the first free of runs/DATA-1, -2...)",
    )
    add("--force", action="store_true", help="replace the run that is in the folder")
    add("--no-save", action="store_true", help="write nothing")


def run(args: argparse.Namespace) -> int:
    config = configured(args)
    shared.settle(dtype=config.dtype)

    from .. import backends
    from ..runs import folder, training

    if args.output is not None and not args.no_save:
        folder.check(args.output, force=args.force)
    model, config, source = training.prepare(config)
    if args.print_config:
        shared.show(args, vars(config), lambda: str(config).rstrip("\n"))
        return 0
    if not args.no_save:
        folder.check(args.output or folder.free(source.name), force=args.force)
    held = len(source.held[0]) if source.held else 0
    shape = "x".join(map(str, source.train[0].shape[1:]))
    layers = "-".join(map(str, (shape, *config.hidden, source.outputs)))
    backend = model.backend
    assert backend is not None
    assert config.epochs is not None
    shared.say(
        args,
        f"backend {backend.name} on {backend.device_name}: {backend.why}",
        *source.notes,
        f"{source.name}: {len(source.train[0])} samples, {held} held out; network {layers}, {config.dtype}",
    )

    from .progress import ProgressBar

    backends.keep_pages()  # this process trains and does little else
    progress = ProgressBar(args, config.epochs)
    done = training.train(model, config, source, callbacks=[progress])
    done.metrics["first_epoch_seconds"] = progress.first_epoch
    result, place = {**done.metrics, "output": None}, None
    try:
        if not args.no_save:
            with shared.undisturbed():
                place = done.save(args.output, force=args.force)
            result["output"] = str(place)
    finally:
        if done.stopped is None:
            shared.show(args, result, lambda: table(result))
    if done.stopped is not None:
        kept = f"; {place} has the weights of epoch {done.stopped}, the best so far" if place else ""
        raise KeyboardInterrupt(f"stopped after epoch {done.metrics['epochs']}{kept}")
    if place:
        shared.say(args, f"saved in {place}: {', '.join(sorted(os.listdir(place)))}")
    return 0


def configured(args: argparse.Namespace) -> Config:
    """The settings: options override --config, which overrides the defaults."""
    given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    try:
        settings = {**(read(args.config) if args.config else {}), **given}
        if "data" not in settings:
            raise ValueError("DATA is missing: xpnet train digits, or xpnet train table.csv --target column")
        return Config(**settings)
    except ValueError as error:
        raise UsageError(str(error)) from None


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    parts = {"train": result["train"], "held out": result["test"]}
    return "\n".join(
        [
            shared.scores(parts, result["baseline"], result["baseline_says"]),
            f"trained in {result['seconds']:.2f} seconds, {result['samples_per_second']:,.0f} samples/s",
        ]
    )
