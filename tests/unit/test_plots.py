"""What figures say about the images behind them."""

import pytest

from llcourse import History, plots

ROWS = [{"accuracy": [50.0, 60.0]}, {"accuracy": [55.0, 65.0]}]


def stamped(figure):
    return any("STAND-IN" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("draw", [plots.curves, plots.by_module])
def test_a_figure_of_runs_on_the_standin_says_so(draw):
    recorded, generated = History(ROWS), History(ROWS, standin=True)
    assert not stamped(draw({"recorded": recorded})) and stamped(draw({"recorded": recorded, "here": generated}))


def test_points_say_so_while_the_standin_is_what_was_loaded_last(monkeypatch):
    for standin in (True, False):
        monkeypatch.setattr("llcourse.data.sources._standin_loaded", standin)
        assert stamped(plots.tradeoff({"DGL": (1.0, 2.0), "Backprop": (3.0, 4.0)}, "cost")) is standin
