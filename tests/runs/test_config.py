"""A run's configuration: as TOML and back."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xpnet.runs.config import Config, read

texts = st.text(st.characters(exclude_categories=["Cs"]))


@example('a\x7f\x00"\\\U0001f600', None, 0.5, [], 1e-300)
@given(texts, st.none() | texts, st.floats(0, 0.99), st.lists(st.integers(1, 10**9)), st.floats(0, 1e308))
def test_toml_round_trip_of_any_settings(tmp_path_factory, data, target, held_out, hidden, lr):
    config = Config(data, target=target, held_out=held_out, hidden=hidden, lr=lr)
    path = tmp_path_factory.getbasetemp() / "config.toml"
    path.write_text(str(config), encoding="utf-8")
    assert Config(**read(path)) == config


def test_none_is_left_out_of_toml():
    assert "epochs" not in tomllib.loads(str(Config("digits")))
    assert read.__doc__


@pytest.mark.parametrize("given", ["8,,x", [1.5], [0], 3, True])
def test_invalid_layer_sizes(given):
    with pytest.raises(ValueError, match="is not a list of layer sizes"):
        Config("digits", hidden=given)
