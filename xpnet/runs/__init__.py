"""Runs: a training from a file of data to a folder of results, as the command line does it.

    from xpnet.runs.training import train
    run = train(Config("penguins.csv", target="species"))
    run.save("runs/penguins")

Nothing is imported here: `config` is read before NumPy loads.
"""

from __future__ import annotations
