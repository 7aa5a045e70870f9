"""`xpnet doctor`: the libraries and cores that this machine computes with, their speed, and advice for more."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from . import shared


def options(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    from ..machine.advice import advice
    from ..machine.example import example_plan
    from ..machine.facts import facts

    if not args.json:
        shared.say(args, "measuring for about 5 seconds...")
    found = facts()
    found["plan"] = example_plan()
    found["fix"] = advice(found)
    shared.show(args, found, lambda: report(found))
    return 0


def report(found: dict[str, Any]) -> str:
    """The facts as a table, and the advice below it."""
    blas, cores, matmul, cpu = found["blas"], found["cores"], found["matmul"], found["cpu"]
    quota = f", by a quota of {cores['quota']:g}" if cores["quota"] is not None else ""
    kernel = f"kernel {blas['kernel']}, " if blas["kernel"] else ""
    rows = [
        ("python", f"{found['python']}, xpnet {found['xpnet']}, NumPy {found['numpy']}"),
        ("cpu", f"{cpu['name']}, {cpu['width']}"),
        ("cores", f"{cores['usable']} of {cores['present']} for this process{quota}"),
        ("blas", f"{blas['library']} {blas['version']}, {kernel}{_count(blas['threads'], 'thread')}"),
        *(("", f"{name}={value} is set") for name, value in _settings(found)),
        ("matmul", f"{_speed(matmul['one'])} on one core"),
    ]
    if "all" in matmul:
        rows.append(("", f"{_speed(matmul['all'])} on {_count(blas['threads'], 'thread')}"))
    if "free" in matmul:
        rows.append(("", f"{_speed(matmul['free'])} on one core without OPENBLAS_CORETYPE"))
    if "best" in matmul:
        rows.append(("", f"{_speed(matmul['best'])} on one core with the best kernel for this CPU"))
    if not {"free", "best"} & set(matmul):
        rows.append(("", "no better kernel is known for this CPU"))
    for package in ("numba", "threadpoolctl"):
        rows.append((package, found[package] or "not installed: pip install 'xpnet[fast]'"))
    for index, (name, state) in enumerate(found["backends"].items()):
        rows.append(
            ("" if index else "backends", f"{name:<8}{'' if state['ok'] else 'no: '}{state['reason']}")
        )
    lines = [f"{name:<15}{value}" for name, value in rows]
    return "\n".join([*lines, *_plan(found.get("plan")), "", *_advice(found["fix"])])


def _plan(plan: dict[str, Any] | None) -> list[str]:
    """The decisions for the example training, one a line, under its name."""
    if plan is None:
        return []
    lines = ["", f"a training would run like this ({plan['training']}):"]
    for name, decision in plan["decisions"].items():
        said = f"{name:<15}{decision['value']}: {decision['why']}"
        lines += textwrap.wrap(said, 110, subsequent_indent=" " * 15, drop_whitespace=True)
    return lines


def _advice(fix: list[dict[str, str]]) -> list[str]:
    if not fix:
        return ["nothing to fix"]
    lines = ["1 thing to fix:" if len(fix) == 1 else f"{len(fix)} things to fix:"]
    for number, item in enumerate(fix, 1):
        lines += textwrap.wrap(item["say"], 96, initial_indent=f"{number}. ", subsequent_indent="   ")
        lines += [f"     {item['type']}"] if item["type"] else []
    return lines


def _settings(found: dict[str, Any]) -> list[tuple[str, str]]:
    coretype = found["blas"]["coretype"]
    return [("OPENBLAS_CORETYPE", coretype)] * (coretype is not None) + [*found["threads_set"].items()]


def _speed(speed: dict[str, Any]) -> str:
    if speed["gflops"] is None:
        return "could not be measured"
    return f"{speed['gflops']:.0f} GFLOP/s" + (f" ({speed['kernel']})" if speed["kernel"] else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
