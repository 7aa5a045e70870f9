"""Live pictures: when they are drawn, and what becomes of the window."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.plots import Live, learning_curves

X, Y = np.linspace(-1, 1, 8)[:, None], np.linspace(-1, 1, 8)


@pytest.fixture
def model():
    return xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy")


@pytest.mark.parametrize(
    ("epochs", "every", "drawn"),
    [(7, 3, [1, 3, 6, 7]), (6, 3, [1, 3, 6]), (1, 100, [1]), (3, 1, [1, 2, 3]), (5, 100, [1, 5])],
)
def test_epochs_at_which_it_draws(model, epochs, every, drawn):
    seen = []
    live = Live(lambda model: seen.append(model.history.epochs), every=every)
    model.fit(X, Y, epochs=epochs, callbacks=[live])
    assert live.drawn == seen == drawn


def test_fits_that_go_on_are_counted_through(model):
    live = Live(lambda model: None, every=4)
    for _ in range(2):
        model.fit(X, Y, epochs=5, callbacks=[live])
    assert live.drawn == [1, 4, 5, 8, 10]


def test_a_fit_that_does_not_begin_draws_nothing(model):
    class Fails(xn.Callback):
        def on_begin(self, model):
            raise RuntimeError("no paper")

    live = Live(lambda model: None, every=4)
    model.fit(X, Y, epochs=5, callbacks=[live])
    with pytest.raises(RuntimeError, match="no paper"):
        model.fit(X, Y, epochs=5, callbacks=[Fails(), live])
    assert live.drawn == [1, 4, 5]


def test_it_draws_the_model_on_axes_of_its_own(model, figures):
    ax = figures.subplots()[1]

    def draw(model):
        ax.clear()
        learning_curves(model.history, ax=ax)

    model.fit(X, Y, epochs=6, callbacks=[Live(draw, every=4)])
    assert len(ax.lines) == 1
    assert list(ax.lines[0].get_ydata()) == model.history["loss"]


def test_a_picture_that_fails_fails_once(model):
    calls = []

    def draw(model):
        calls.append(model.history.epochs)
        raise RuntimeError("no ink")

    with pytest.raises(RuntimeError, match="no ink"):
        model.fit(X, Y, epochs=3, callbacks=[Live(draw)])
    assert calls == [1]


def test_a_window_is_refreshed_without_taking_the_focus(model, figures, monkeypatch):
    pauses = []
    monkeypatch.setattr(figures, "pause", lambda t: pauses.append(figures.rcParams["figure.raise_window"]))
    live = Live(lambda model: None, every=2)
    model.fit(X, Y, epochs=2, callbacks=[live])
    figures.figure()
    model.fit(X, Y, epochs=2, callbacks=[live])
    assert pauses == []  # no figure, then one without a window
    monkeypatch.setattr(type(figures.gcf().canvas), "required_interactive_framework", "qt")
    model.fit(X, Y, epochs=2, callbacks=[live])
    assert pauses == [False]
    assert figures.rcParams["figure.raise_window"]


@pytest.mark.parametrize("every", [0, -1, 2.5, True, "10"])
def test_every_is_a_number_of_epochs(every):
    with pytest.raises(ValueError, match=f"Live: every {every!r} must be a number of epochs"):
        Live(print, every=every)


def test_draw_is_a_function():
    with pytest.raises(TypeError, match="Live: draw: a function of the model was wanted, 3 came"):
        Live(3)
