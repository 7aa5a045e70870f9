"""`xpnet datasets`: the data sets known by name."""

from __future__ import annotations

import argparse

from . import shared


def options(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    from ..data import DATASETS

    about = {name: (get.__doc__ or "").partition("\n")[0] for name, get in DATASETS.items()}
    shared.show(args, about, lambda: shared.table(list(about.items())))
    return 0
