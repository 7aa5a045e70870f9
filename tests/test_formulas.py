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
        assert formula.label in {"", *options, *ops.UPSAMPLE_METHODS}
        assert not unexplained(formula, f"d{value}", *arrays, *options)
        assert formula.called <= FUNCTIONS.keys() | OPS.keys() | formula.defined


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_an_optimizer_states_its_update(name):
    cls = EVERYTHING[name]
    for formula in stated(cls):
        assert formula.label in {"", *inspect.signature(cls).parameters}
        assert formula.defined >= {"p", *cls().slots}
        assert not unexplained(formula, "g", "t", *inspect.signature(cls).parameters)
        assert formula.called <= FUNCTIONS.keys() | formula.defined


PARAMETERS = {"weight", "bias", "recurrent", "recurrent_bias"}
PARTS = {"f", "drop", "norm1", "norm2", "linear1", "linear2", "self_attn"}
"""The names of parameters, and of the layers that other layers are made of."""


@pytest.mark.parametrize("name", layers.LAYERS)
def test_a_layer_states_a_formula_or_names_its_op(name):
    cls = layers.LAYERS[name]
    for formula in stated(cls, vars(ops)):
        assert "y" in formula.defined
        fields = inspect.signature(cls).parameters
        if parse(cls.__doc__):
            assert not unexplained(formula, "x", "dy", *fields, *PARAMETERS)
            assert formula.called <= FUNCTIONS.keys() | OPS.keys() | PARTS | fields.keys() | formula.defined
        assert parse(f"A line.\n\n{formula}") == (formula,)


# Their truth


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


def drawn(*shape):
    return np.random.default_rng(sum(shape)).uniform(-4, 4, shape)


def check(formula, op, arrays, options=None, **more):
    """The value of an op, and its derivatives by the arrays, are those of every right-hand side."""
    options = options or {}
    value = "loss" if "loss" in formula.defined else "y"
    parameters = inspect.signature(op).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    wanted, pullback = op(*arrays.values(), **options)
    dy = drawn(*wanted.shape) / 2
    values = Values(formula.equations, {**defaults, **arrays, **options, **more, f"d{value}": dy})
    for name, array in {
        value: wanted,
        **dict(zip((f"d{x}" for x in arrays), pullback(dy), strict=True)),
    }.items():
        for found in values.array(name):
            close(found, array)


@pytest.mark.parametrize("name", [*ops.ACTIVATIONS, "prelu", "erf"])
def test_the_formula_of_an_activation_is_true(name):
    for formula in stated(EVERYTHING[name]):
        arrays = {"x": drawn(40)} | ({"slope": np.asarray([0.3])} if name == "prelu" else {})
        check(formula, EVERYTHING[name], arrays, {formula.label: True} if formula.label else {})


def outputs_and_target(name):
    """Outputs and a target that fit a loss."""
    rng, y, target = np.random.default_rng(0), drawn(6, 4), drawn(6, 4)
    match name:
        case "binary_cross_entropy":
            return rng.uniform(0.1, 0.9, (6, 4)), rng.uniform(0.1, 0.9, (6, 4))
        case "sigmoid_cross_entropy" | "sigmoid_focal":
            return y, rng.uniform(0.1, 0.9, (6, 4))
        case "hinge" | "squared_hinge":
            return y, np.where(target > 0, 1.0, 0.0)
        case "gaussian_nll":
            return y, target[:, :2]
        case "poisson_nll":
            return y, np.abs(np.round(target))
        case "cross_entropy":
            return rng.dirichlet(np.ones(4), 6), rng.dirichlet(np.ones(4), 6)
        case "nll" | "kl_divergence" | "softmax_cross_entropy" | "softmax_focal":
            return y, rng.dirichlet(np.ones(4), 6)
    return y, target


@pytest.mark.parametrize("name", ops.LOSSES)
def test_the_formula_of_a_loss_is_true(name):
    (formula,), op = stated(ops.LOSSES[name]), ops.LOSSES[name]
    y, target = outputs_and_target(name)
    first = next(iter(inspect.signature(op).parameters))
    check(formula, op, {first: y}, {"target": target}, onehot=lambda probabilities: probabilities)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("relu", "dx = dy where x > 0", "dx = dy where x > 1"),
        ("gelu", "0.044715 x^3", "0.044715 x^2"),
        ("log_sigmoid", "dy (1 - exp(y))", "dy (1 + exp(y))"),
        ("softmax", "sum_j dy_j y_j", "sum_j dy_j"),
        ("swiglu", "silu'(a)", "silu(a)"),
    ],
)
def test_a_formula_that_is_wrong_is_found(name, right, wrong):
    doc = EVERYTHING[name].__doc__
    assert right in doc
    first, *rest = parse(doc.replace(right, wrong))
    formula, options = (rest[0].within(first), {rest[0].label: True}) if rest else (first, {})
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(formula, EVERYTHING[name], {"x": drawn(40)}, options)


OPTIONS = {"nesterov": {"momentum": 0.9}, "momentum": {"momentum": 0.9}, "radam": {"beta2": 0.9}}
"""The options of a variant beside its label; RAdam's steps are rectified within the test's with this beta2."""


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_the_formula_of_an_optimizer_is_true(name):
    """p and the slots are assigned in the order of the lines; the other equations define what these use."""
    cls = optim.OPTIMIZERS[name]
    for formula in stated(cls):
        flags = {formula.label: True} if formula.label else {}
        optimizer = cls(0.1, **{**flags, **OPTIONS.get(formula.label or name, {})})
        fields = {field: getattr(optimizer, field) for field in inspect.signature(cls).parameters}
        state = {"p": 0.5, "M": 1.0, **dict.fromkeys(("m", "v", "u", "v_max"), 0.0)}
        assigned = [e for e in formula.equations if getattr(e.targets[0], "name", "") in state]
        defined = [e for e in formula.equations if e not in assigned]
        part = optim.Part(optimizer)
        p, slots = np.asarray(0.5), [np.asarray(0.0) for _ in part.slots]
        for t, g in enumerate(drawn(12), start=1):
            for equation in assigned:
                values = Values(defined, {**fields, **state, "g": g, "t": float(t)})
                state[equation.targets[0].name] = values.value(equation.values[0], {})
            scalars = part.scalars(np, np.asarray(0.1), np.asarray(float(t)))
            p, *slots = part.rule(np, p, np.asarray(g), *slots, *scalars)
            close(state["p"], p)
            for slot, array in zip(part.slots, slots, strict=True):
                close(state[slot], array)
