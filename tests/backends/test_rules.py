"""Optimizer rules as expressions."""

import pytest

from xpnet.backends.rules import trace_rule, warn_not_compiled
from xpnet.compiler.expression import NotElementwiseError


def test_a_rule_is_traced_to_the_new_values_of_its_arrays():
    def rule(xp, p, g, v, lr, momentum):
        v = momentum * v + g
        return p - lr * v, v

    expression, arrays, numbers, results = trace_rule(rule, 1, 2)
    assert (arrays, numbers) == (("p", "g", "s0"), ("c0", "c1"))
    assert expression.emit(results.values(), [*arrays, *numbers]) == [
        "t0 = c1 * s0",
        "t1 = t0 + g",
        "t2 = c0 * t1",
        "t3 = p - t2",
    ]
    assert {name: x.name for name, x in results.items()} == {"p": "t3", "s0": "t1"}


def test_a_warning_names_the_rule_and_the_first_line_of_the_reason():
    def my_rule():
        """Nothing."""

    with pytest.warns(UserWarning, match="^my_rule is not compiled and runs portably: it uses flip$"):
        warn_not_compiled(my_rule, NotElementwiseError("it uses flip\nand more"))
