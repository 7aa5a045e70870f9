"""Parts shared by the tests of runs: CSV files, and a command in this process."""

import csv
import shlex

from xpnet.cli import main


def write(path, names, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def table(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def call(line, capsys, status=0):
    """(standard output, standard error) of a command in this process."""
    assert main(shlex.split(line)) == status, capsys.readouterr().err
    return capsys.readouterr()
