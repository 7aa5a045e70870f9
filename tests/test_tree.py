"""The walker of nested dicts, lists and tuples: order, kinds of nodes, and names to and fro."""

from collections import OrderedDict
from typing import NamedTuple

import pytest

from xpnet import tree


class Pair(NamedTuple):
    first: int
    second: int


PART = {"b": [1, (2, {"c": 3})], "a": {}, "pair": Pair(4, 5)}


def test_leaves_come_in_order_and_a_named_tuple_is_one():
    assert list(tree.leaves(PART)) == [1, 2, 3, Pair(4, 5)]


def test_map_keeps_the_structure():
    assert tree.map(str, PART) == {"b": ["1", ("2", {"c": "3"})], "a": {}, "pair": "Pair(first=4, second=5)"}


def test_a_dict_of_another_class_is_a_node_and_becomes_plain():
    """PyTorch's update keeps its parameters in one."""
    joined = OrderedDict(a=1, b=[2])
    assert list(tree.leaves({"params": joined})) == [1, 2]
    found = tree.map(str, {"params": joined})["params"]
    assert type(found) is dict
    assert found == {"a": "1", "b": ["2"]}


@pytest.mark.parametrize("separator", [".", "/"])
def test_names_are_nested_and_flattened(separator):
    flat = {f"0{separator}weight": 1, f"0{separator}bias": 2, "scale": 3}
    nested = {"0": {"weight": 1, "bias": 2}, "scale": 3}
    assert tree.nest(flat, separator) == nested
    assert tree.flatten(nested, separator) == flat


def test_another_separator_in_a_name_is_part_of_it():
    assert tree.flatten({"params": {"0.weight": 1}}, "/") == {"params/0.weight": 1}
