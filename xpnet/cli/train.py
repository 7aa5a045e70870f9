"""`xpnet train`: a network learns a data set or a file, and is scored on samples held out."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..runs.config import OPTIONS, Config, read
from . import UsageError, shared
from .signals import undisturbed


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
    if args.config:
        shared.settle()
        shared.complete(args, Path(args.config).parent)
    config = configured(args)
    shared.settle(dtype=config.dtype)
    shared.reading(args, config.data)

    from .. import backends
    from ..runs import folder, training

    if args.output is not None and not args.no_save:
        shared.complete(args, args.output)
        folder.check(args.output, force=args.force)
    try:
        model, config, source = training.prepare(config)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped while {config.data} was read") from None
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
        f"backend {backend.name} on {backend.device_name}" + (f": {backend.why}" if args.verbose else ""),
        *source.notes,
        f"{source.name}: {len(source.train[0])} samples, {held} held out; network {layers}, {config.dtype}",
    )

    from .progress import ProgressBar

    backends.keep_pages()  # this process trains and does little else
    progress, saved = ProgressBar(args, config.epochs), Saved(args)

    def save(run: Any) -> None:
        run.metrics["first_epoch_seconds"] = progress.first_epoch
        saved.save(run)

    try:
        done = training.train(model, config, source, callbacks=[progress], rescue=save)
    except KeyboardInterrupt:
        if saved.run is None:
            raise KeyboardInterrupt("stopped before the end of an epoch, and nothing is kept") from None
        done = saved.run  # a second Ctrl-C, once it was saved
    if saved.run is None:
        save(done)
    else:
        saved.add_scores()
    if done.stopped is None:
        result = {**done.metrics, "output": None if saved.place is None else str(saved.place)}
        shared.show(args, result, lambda: table(result))
    if saved.error is not None:
        raise saved.error
    if done.stopped is not None:
        kept = f"; {saved.place} has the weights of epoch {done.stopped}, the best so far"
        raise KeyboardInterrupt(
            f"stopped after epoch {done.metrics['epochs']}{kept if saved.place is not None else ''}"
        )
    if saved.place is not None:
        shared.say(args, f"saved in {saved.place}: {', '.join(sorted(os.listdir(saved.place)))}")
    return 0


class Saved:
    """The folder of a run: the one that was named, or another where that cannot be written.

    place: the folder, or None where nothing is written. error: a sentence on the folder that could not be written.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.run: Any = None
        self.place: Path | None = None
        self.error: OSError | None = None

    def save(self, run: Any) -> None:
        """Writes the run, undisturbed by signals."""
        self.run = run
        if self.args.no_save:
            return
        with undisturbed():
            try:
                self.place = run.save(self.args.output, force=self.args.force)
            except OSError as error:
                self.error = error
                with suppress(OSError):
                    self._save_elsewhere(error)
        if self.error is None and self.args.output not in (None, self.place):
            shared.say(self.args, f"another run is in {self.args.output} by now: this one is in {self.place}")

    def _save_elsewhere(self, error: OSError) -> None:
        """Tries the folder of a run without a name, and the folder of temporary files."""
        import tempfile

        from ..runs import folder

        spare = Path(tempfile.gettempdir()) / f"xpnet-{folder.short(self.run.source.name)}"
        try:
            self.place = self.run.save(None if self.args.output else spare)
        except OSError:
            self.place = self.run.save(spare)
        self.error = type(error)(f"{error}; the run is in {self.place}")

    def add_scores(self) -> None:
        """Adds the scores to a run that was saved without them."""
        from ..runs import folder

        if self.place is not None:
            with undisturbed(), suppress(OSError):
                folder.write_metrics(self.place, self.run.metrics)


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
