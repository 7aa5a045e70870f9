"""The rules of optimizers as they are written: no annotations, no numbers, and the scalars' names in order."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

from xpnet import optim

FILES = sorted(Path(optim.__file__).parent.glob("*.py"))
FUNCTIONS = [
    pytest.param(node, id=f"{path.stem}.{node.name}")
    for path in FILES
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef)
]
RULES = [given for given in FUNCTIONS if given.values[0].name.endswith("_rule")]
OPTIMIZERS = [
    *(cls() for cls in optim.OPTIMIZERS.values()),
    optim.sgd(momentum=0.9),
    optim.sgd(momentum=0.9, nesterov=True),
    optim.adam(amsgrad=True),
    optim.rmsprop(momentum=0.5),
    optim.rmsprop(centered=True),
    optim.rmsprop(momentum=0.5, centered=True),
]


@pytest.mark.parametrize("node", FUNCTIONS)
def test_rules_alone_leave_annotations_out(node):
    """mypy lets every function of these files go without: `Rule` types the rules, nothing types the rest."""
    annotated = node.returns is not None
    assert annotated != node.name.endswith("_rule")


@pytest.mark.parametrize("node", RULES)
def test_a_rule_has_no_number_in_its_body(node):
    """A literal would be float64 on some libraries, and unknown to the traced expression."""
    assert not [inner for inner in ast.walk(node) if isinstance(inner, ast.Constant)]
    assert [a.arg for a in node.args.args][:3] == ["xp", "p", "g"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_rule_names_its_slots_and_takes_as_many_scalars_as_there_are(optimizer):
    names = list(inspect.signature(optimizer.rule).parameters)[3:]
    slots = optimizer.slots
    assert tuple(names[: len(slots)]) == slots
    scalars = optimizer.scalars(np, np.asarray(0.1), np.asarray(3.0))
    constants = dict(zip(names[len(slots) :], scalars, strict=True))
    for name in ("beta1", "beta2", "alpha", "rho", "eps", "momentum"):
        if name in constants and not isinstance(constants[name], np.ndarray):
            assert constants[name] == getattr(optimizer, name)
        if f"one_minus_{name}" in constants:
            assert constants[f"one_minus_{name}"] == 1 - getattr(optimizer, name)
