"""Runs: a training from a data file to a folder of results, as the command line does it.

    from pathlib import Path
    from xpnet.runs.config import Config
    from xpnet.runs.training import prepare, train
    run = train(*prepare(Config("penguins.csv", target="species")))
    run.save(Path("runs/penguins"))

The package imports nothing, since `config` is read before NumPy is loaded.
"""

from __future__ import annotations
