"""The formulas of the docstrings: each follows the grammar, names what exists, and is true of the code."""

import inspect

import numpy as np
import pytest

from xpnet import layers, ops, optim
from xpnet.formulas import FUNCTIONS, FormulaError, parse

from .formula_values import Values

OPS = {
    name: op
    for name in ops.__all__
    if inspect.isfunction(op := getattr(ops, name)) and "Pullback" in inspect.signature(op).return_annotation
    if name not in ops.LOSSES
}
EVERYTHING = {**OPS, **ops.LOSSES, **optim.OPTIMIZERS}


def stated(thing, names=None):
    """The formulas that a docstring states, those with a label completed by the one without."""
    found = parse(thing.__doc__, names)
    assert found, f"{thing.__name__} states no formula"
    return [
        formula if formula is found[0] or found[0].label else formula.within(found[0]) for formula in found
    ]


def unexplained(formula, *more):
    """The names that a formula uses and that are neither defined nor given."""
    return formula.used - formula.defined - FUNCTIONS.keys() - {"pi", *more}


# The grammar


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("y = a / b c", "y = a / b c"),
        ("y = a / (b c)", "y = a / (b c)"),
        ("y = f(x) + f (x)", "y = f(x) + f x"),
        ("y = -x^2 + (-x)^2", "y = -x^2 + (-x)^2"),
        ("y = x^-1 (1 - x)^T", "y = x^-1 (1 - x)^T"),
        ("y_i = x_i - log sum_j exp(x_j)", "y_i = x_i - log(sum_j(exp(x_j)))"),
        ("y = sum_k x_k w_k + b", "y = sum_k(x_k w_k) + b"),
        ("y = p (sum_k g_k) / 2, q = sum_k g_k / 2", "y = p sum_k(g_k) / 2; q = sum_k(g_k / 2)"),
        ("y = sum(a b) c + max(a, b) + max(a)", "y = sum(a b) c + max(a, b) + max(a)"),
        ("h_t = h_t-1 + x_ij + min_val + f_1'(x)", "h_t = h[t - 1] + x_ij + min_val + f_1'(x)"),
        ("y[o] = w[o stride + k] + p[i][j]", "y_o = w[o stride + k] + p_i[j]"),
        ("y = 1 / (1 + |x|)^2 - |a - b|", "y = 1 / (1 + |x|)^2 - |a - b|"),
        ("(a | b) = x, y = (x_1 | x_2 | ...)", "(a | b) = x; y = (x_1 | x_2 | ...)"),
        ("y = 0 where x < 0, 1 where 0 <= x < 2 and b, else (x where a = b, else 2)",) * 2,
        ("da = dz = u v = v u", "da = dz = u v = v u"),
        ("P(x) = 5e-4 x, y = P(2)", "P(x) = 5e-4 x; y = P(2)"),
        ("y_i = reshape(x_i, (n, 0.5, -1))",) * 2,
    ],
)
def test_text_to_expression_and_back(text, again):
    (formula,) = parse(f"A line.\n\n{text}\nProse.")
    assert str(formula) == again
    assert parse(f"A line.\n\n{formula}") == (formula,)


@pytest.mark.parametrize(
    "text",
    [
        "y = x +",
        "y = (x",
        "y = x where x > 0",
        "y = x where x > 0, z = 2",
        "y = x, the mean",
        "y = x; and z = 2",
        "y = |x",
        "y = x, x + 1 = y",
        "y = x §",
        "y = f(x, )",
        "y = f(... f(x))",
        "y = x, or z",
        "y = x 2x_",
    ],
)
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(FormulaError, match=r"was wanted|is no part of"):
        parse(f"A line.\n\n{text}")


def test_where_a_formula_ends_and_what_labels_it():
    first, second = parse(
        """A line.

        v = m v,
        p = p - lr v
        nesterov: p = p - lr g;
        v = 2
        Source: x = y.
        """
    )
    assert (str(first), str(second)) == ("v = m v; p = p - lr v", "nesterov: p = p - lr g; v = 2")
    assert (first.defined, first.used) == ({"v", "p"}, {"m", "v", "p", "lr"})
    assert parse("A line.\n\nx (n, c) -> y (n, c), n = 3.") == parse("y = x") == parse(None) == ()


def test_names_of_a_formula():
    (formula,) = parse("A line.\n\ny[o] = sum_k x[o s + k] f(w_k) + h_i, f(e) = 2 e a")
    assert formula.defined == {"y", "f"}
    assert formula.used == {"x", "s", "w", "h", "a"}
    assert formula.called == {"f"}


def test_a_layer_without_a_formula_has_its_ops():
    assert parse(layers.ReLU.__doc__) == ()
    assert parse(layers.ReLU.__doc__, vars(ops)) == parse(ops.relu.__doc__) != ()
    with pytest.raises(KeyError):
        parse("See `ops.relo`.", vars(ops))


# The docstrings


@pytest.mark.parametrize("name", OPS | ops.LOSSES)
def test_an_op_states_its_value_and_the_derivative_of_each_array(name):
    op, value = EVERYTHING[name], "loss" if name in ops.LOSSES else "y"
    parameters = inspect.signature(op).parameters.values()
    arrays = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    arrays += ["x" for p in parameters if p.kind is p.VAR_POSITIONAL]
    assert arrays
    for formula in stated(op):
        assert formula.defined >= {value, *(f"d{array}" for array in arrays)}, formula.defined
        options = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        assert not unexplained(formula, f"d{value}", *arrays, *options)
        assert formula.called <= FUNCTIONS.keys() | OPS.keys() | formula.defined


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_an_optimizer_states_its_update(name):
    cls = EVERYTHING[name]
    for formula in stated(cls):
        assert formula.defined >= {"p", *cls().slots}
        assert not unexplained(formula, "g", "t", *inspect.signature(cls).parameters)
        assert formula.called <= FUNCTIONS.keys() | formula.defined


@pytest.mark.parametrize("name", layers.LAYERS)
def test_a_layer_states_a_formula_or_names_its_op(name):
    for formula in stated(layers.LAYERS[name], vars(ops)):
        assert "y" in formula.defined
        assert parse(f"A line.\n\n{formula}") == (formula,)


# Their truth


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


def check(op, given, dvalue, *, equations, value, options=None):
    """The formula's value and derivative by the first argument are those of the op."""
    arrays = {name: x for name, x in given.items() if name not in ("target",)}
    keywords = {name: given[name] for name in ("target",) if name in given} | (options or {})
    wanted, pullback = op(*arrays.values(), **keywords)
    defaults = {
        p.name: p.default for p in inspect.signature(op).parameters.values() if p.kind is p.KEYWORD_ONLY
    }
    values = Values(equations, {**defaults, **given, **(options or {}), f"d{value}": dvalue(wanted)})
    for found in values.array(value):
        close(found, wanted)
    for name, dx in zip(arrays, pullback(dvalue(wanted)), strict=True):
        for found in values.array(f"d{name}"):
            close(found, dx)


def drawn(*shape):
    return np.random.default_rng(sum(shape)).uniform(-4, 4, shape)


@pytest.mark.parametrize("name", [*ops.ACTIVATIONS, "prelu", "erf"] if hasattr(ops, "erf") else [])
def test_the_formula_of_an_activation_is_true(name):
    op = EVERYTHING[name]
    for formula in stated(op):
        given = {"x": drawn(40)} | ({"slope": np.asarray([0.3])} if name == "prelu" else {})
        options = {formula.label: True} if formula.label else {}
        check(
            op, given, lambda y: drawn(*y.shape) / 2, equations=formula.equations, value="y", options=options
        )


CLASSES = ("cross_entropy", "nll", "kl_divergence", "softmax_cross_entropy", "softmax_focal")
"""Losses of class numbers or probabilities."""


@pytest.mark.parametrize("name", ops.LOSSES)
def test_the_formula_of_a_loss_is_true(name):
    op, rng = ops.LOSSES[name], np.random.default_rng(0)
    first, *_ = inspect.signature(op).parameters
    y, target = drawn(6, 4), drawn(6, 4)
    if name in CLASSES:
        target = rng.dirichlet(np.ones(4), 6)
        y = np.exp(y) / np.sum(np.exp(y), axis=1, keepdims=True) if first == "p" else y
    elif first in ("p", "logits"):
        target = rng.uniform(0.1, 0.9, (6, 4))
        y = rng.uniform(0.1, 0.9, (6, 4)) if first == "p" else y
    elif name in ("hinge", "squared_hinge"):
        target = (target > 0) * 1.0
    elif name == "gaussian_nll":
        target = target[:, :2]
    elif name == "poisson_nll":
        target = np.abs(np.round(target))
    (formula,) = stated(op)
    given = {first: y, "target": target}
    extra = {"onehot": lambda t: t}  # probabilities as they are
    values = Values(formula.equations, {**defaults_of(op), **given, **extra, "dloss": (dloss := drawn(6))})
    wanted, pullback = op(y, target=target)
    close(values.array("loss")[0], wanted)
    close(values.array(f"d{first}")[0], pullback(dloss)[0])


def defaults_of(op):
    return {p.name: p.default for p in inspect.signature(op).parameters.values() if p.kind is p.KEYWORD_ONLY}


VARIANTS = {"nesterov": {"momentum": 0.9}, "momentum": {"momentum": 0.9}}
"""Options that a variant needs beside the one that is its name."""


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_the_formula_of_an_optimizer_is_true(name):
    cls = optim.OPTIMIZERS[name]
    for formula in stated(cls):
        options = VARIANTS.get(formula.label, {formula.label: True} if formula.label else {})
        if formula.label and formula.label not in options:
            options = {**options, formula.label: True}
        optimizer = cls(0.1, **options, **({"beta2": 0.9} if name == "radam" else {}))
        fields = {field: getattr(optimizer, field) for field in inspect.signature(cls).parameters}
        state = {"p": 0.5, "M": 1.0, **dict.fromkeys(("m", "v", "u", "v_max"), 0.0), **fields}
        p, slots = np.asarray(0.5), [np.asarray(0.0) for _ in optimizer.slots]
        for t, g in enumerate(drawn(12), start=1):
            known = {**state, "g": g, "t": float(t)}
            for equation in formula.equations:
                (target,) = equation.targets
                if getattr(target, "name", "") in state:
                    rest = [e for e in formula.equations if getattr(e.targets[0], "name", "") not in state]
                    side = Values(rest, known).value(equation.values[0], {})
                    known[target.name] = state[target.name] = side
            scalars = optimizer.scalars(np, np.asarray(0.1), np.asarray(float(t)))
            if optimizer.decoupled and name == "adamw":
                p = p * (1 - 0.1 * optimizer.weight_decay)
            p, *slots = optimizer.rule(np, p, np.asarray(g), *slots, *scalars)
            close(known["p"], p)
            for slot, array in zip(optimizer.slots, slots, strict=True):
                close(known[slot], array)
