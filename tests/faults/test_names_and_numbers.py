"""Names that Matplotlib reads in a way of its own, and numbers of numpy and torch wherever a number is asked for."""

import io
import json
import warnings
from decimal import Decimal
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pytest
import seaborn
import torch

from llcourse import History, panels, plots, reach, results, timeline
from llcourse.course import claims
from llcourse.plots.given import UNSEEN
from llcourse.reach import ReachError
from llcourse.tables import Table


@pytest.fixture(autouse=True)
def closed():
    with plt.rc_context():
        seaborn.set_theme(context="notebook", style="whitegrid", palette="colorblind")  # a chapter's
        yield
    plt.close("all")


def history(*accuracies):
    return History([{"epoch": n, "accuracy": [value, value]} for n, value in enumerate(accuracies, 1)])


def drawn(figure):
    """The figure's texts after it was really drawn, as a reader sees them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that no font has, a label that a legend leaves out
        figure.savefig(io.BytesIO(), format="png")
    texts = [text for text in figure.findobj(plt.Text) if text.get_text() and text.get_visible()]
    assert not any(text.get_text().count("$") - text.get_text().count(r"\$") for text in texts if "math" not in
                   text.get_text()), "read as mathematics"
    return [text.get_text().replace(r"\$", "$").removeprefix(UNSEEN) for text in texts]


NAMED = {
    "curves": lambda name: plots.curves({name: history(1, 2), "other": history(2, 3)}),
    "lines": lambda name: plots.lines({name: [1, 2], "other": [2, 3]}, name, name),
    "by_module": lambda name: plots.by_module({name: history(1), "other": history(2)}),
    "tradeoff": lambda name: plots.tradeoff({name: (1, 2), "other": (2, 3)}, "cost"),
    "fronts": lambda name: plots.fronts({"MACs": {name: [(1, 2)], "other": [(2, 3)]}}),
    "bars": lambda name: plots.bars({name: 3, "other": 4}, "MiB"),
    "parts": lambda name: plots.stacked({name: [1, 2], "other": [1, 1]}, ["a", "b"], "K", "MiB"),
    "stacked": lambda name: plots.stacked({"part": [1, 2]}, [name, "other"], "K", "MiB"),
    "shares": lambda name: plots.shares({name: {0: 3, 1: 4}}, "staleness"),
    "chains": lambda name: plots.chains({name: reach.local(2)}),
    "timeline": lambda name: plots.timeline({name: timeline.simulate(reach.local(2), 2)}, 2),
    "patches": lambda name: plots.patches({name: (np.zeros((2, 4, 4, 3)), [50, 50])}),
}


ODD = ["__init__", "$a$b", "$5", "a_b^c", None, True, np.int64(3), ("a", 1), "\udcff"]


@pytest.mark.parametrize("draw, name", [(draw, name) for draw in NAMED for name in ("_x", r"$\q$", 4)] + [
    ("curves", name) for name in ODD])
def test_a_name_is_shown_letter_by_letter(draw, name):
    draw = NAMED[draw]
    assert str(name).replace("\udcff", r"\udcff") in drawn(draw(name))


def test_a_run_without_a_name_has_its_line_in_the_legend():
    (legend,) = plots.curves({"": history(1, 2), "other": history(2, 3)}).legends
    assert len(legend.get_texts()) == 2


def test_bars_named_by_numbers_stand_side_by_side():
    axes = plots.bars({2: 5, 16: 3}, "MiB").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "16"]


NUMBERS = [np.float32, np.float64, np.int64, np.float16, lambda n: np.array(n), torch.tensor, Fraction, Decimal,
           lambda n: torch.tensor(float(n), requires_grad=True), lambda n: torch.tensor(float(n), dtype=torch.bfloat16)]


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_any_library_draw_the_same_figure(kind):
    def pixels(kind):
        figures = [
            plots.lines({"a": [kind(1), None, kind(3)]}, "epoch", "error"),
            plots.tradeoff({"a": (kind(1), kind(2)), "b": (kind(2), kind(4))}, "cost"),
            plots.fronts({"MACs": {"a": [(kind(1), kind(2)), (kind(2), kind(3))]}}),
            plots.bars({"a": kind(3), "b": kind(4)}, "MiB"),
            plots.stacked({"a": [kind(1), kind(2)]}, ["x", "y"], "K", "MiB"),
            plots.shares({"a": {1: kind(3), 2: kind(1)}}, "staleness"),
        ]
        files = [io.BytesIO() for _ in figures]
        for figure, file in zip(figures, files):
            figure.savefig(file, format="png", dpi=40)
        return [file.getvalue() for file in files]

    assert pixels(kind) == pixels(int)


def test_a_whole_array_is_as_good_as_a_list():
    line = plots.lines({"a": torch.tensor([1.0, 2.0], requires_grad=True)}, "epoch", "error").axes[0].lines[0]
    assert list(line.get_ydata()) == [1, 2]
    assert plots.matrix([[1, 0], [1, 1]]) and plots.chains({"a": [[True, False], [False, True]]})


@pytest.mark.parametrize("draw, error, words", [
    (lambda: plots.curves([history(1)]), ValueError, "a dict"),
    (lambda: plots.curves({"a": [1, 2]}), ValueError, "'a' is drawn of a History"),
    (lambda: plots.curves({"a": history(1)}, "loss"), ValueError, "no row has 'loss'"),
    (lambda: plots.curves({"a": history(1)}, module=7), ValueError, "module 7"),
    (lambda: plots.bars({}, "MiB"), ValueError, "run the cell"),
    (lambda: plots.bars({"a": "much"}, "MiB"), ValueError, "'a' is drawn of numbers.*much"),
    (lambda: plots.lines({"a": 5}, "x", "y"), ValueError, "'a' is drawn of numbers; got 5"),
    (lambda: plots.tradeoff({"a": (1, 2, 3)}, "cost"), ValueError, "'a' is drawn of 2 numbers"),
    (lambda: plots.fronts({"MACs": {"a": [(0, 50)]}}), ValueError, "a cost of 'a' is 0; it is a number above 0"),
    (lambda: plots.fronts({"MACs": {"a": []}}), ValueError, "run the cell"),
    (lambda: plots.fronts({"MACs": {"a": 3}}), ValueError, "'a' is 3; it is a list or a tuple"),
    (lambda: plots.fronts({"MACs": {"a": torch.tensor(1.0)}}), ValueError, "'a' is tensor"),
    (lambda: plots.stacked({"a": [1]}, ["x", "y"], "K", "MiB"), ValueError, "'a' is drawn of 2 numbers"),
    (lambda: plots.shares({"a": {1: 0}}, "staleness"), ValueError, "'a' has counted nothing"),
    (lambda: plots.matrix([[1, 0], [1]]), ReachError, "rows of 0 and 1"),
    (lambda: plots.matrix("local"), ReachError, "rows of 0 and 1"),
    (lambda: plots.timeline({"a": []}, 2), ValueError, "no task"),
    (lambda: plots.timeline({"a": timeline.simulate(reach.local(2), 2)}, 2.5), ValueError, "K is 2.5"),
])
def test_what_cannot_be_drawn_is_named_before_a_figure_is_made(draw, error, words):
    with pytest.raises(error, match=words):
        draw()


@pytest.mark.parametrize("kind", [np.int64, np.int8, torch.tensor, lambda n: np.array(n)])
def test_panels_take_numbers_of_any_library(kind):
    panel = panels.groups()
    assert panel.text_at(G=kind(8), share=kind(0)) == panel.text_at(G=8, share=0) == panel.set(G=kind(8), share=kind(0))


@pytest.mark.parametrize("settings, words", [
    ({"K": 99}, "K is 99; it is a whole number from 1 to 16"), ({"K": 2.5}, "K is 2.5"), ({"K": None}, "K is None"),
    ({"K": "4"}, "K is '4'"), ({"head": "x"}, "head is 'x'; it is one of linear, mlp"),
    ({"head": [1, 2]}, "it is one of"), ({"head": np.zeros(3)}, "it is one of")])
def test_a_panel_shows_what_was_asked_for_or_says_why_not(settings, words):
    panel = panels.cuts()
    before = panel.settings
    for ask in (panel.set, panel.text_at, lambda **given: panel.strip({}, given)):
        with pytest.raises(ValueError, match=words.replace("(", "\\(")):
            ask(**settings)
    assert panel.settings == before
    with pytest.raises(TypeError, match="the controls K, head; got Q"):
        panel.set(Q=1)
    with pytest.raises(ValueError, match="got none"):
        panel.strip()


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_cell_shows_numbers_of_any_library(kind):
    (row,) = [line.split() for line in str(Table([{"a": "x", "b": kind(3)}])).splitlines()[1:]]
    assert row[1] in ("3", "3.00")


@pytest.mark.parametrize("arguments, words", [
    ({"rows": 5}, "rows is 5"), ({"rows": [1]}, "a row of a table is a dict"), ({"rows": [{}]}, "have columns"),
    ({"digits": 2.5}, "digits is 2.5; it is a whole number from 0 to 20"), ({"digits": -1}, "digits is -1"),
    ({"digits": {"a": None}}, "digits is None"), ({"notes": 5}, "notes is 5")])
def test_what_makes_no_table_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        Table(**{"rows": [{"a": 1.5}]} | arguments)


def test_a_cell_of_several_lines_stays_in_its_row():
    assert str(Table([{"a": "x", "b": np.eye(2, dtype=int)}])).splitlines()[1:] == ["x  [[1 0]  [0 1]]"]


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_claim_is_recorded_with_numbers_of_any_library(kind, tmp_path, monkeypatch, capsys):
    if kind in (Fraction, Decimal):
        pytest.skip("JSON has neither")
    monkeypatch.setenv("LLCOURSE_CLAIMS", str(tmp_path / "claims.jsonl"))
    claims.claim("A", kind(4), over=kind(3))
    assert capsys.readouterr().out == "PASS  A\n"
    assert json.loads((tmp_path / "claims.jsonl").read_text()).items() >= {"value": 4.0, "over": 3}.items()


@pytest.mark.parametrize("value, over", [("much", 1), (None, 1), (1, "little"), (1, None), (1j, 1), (1, np.ones(2))])
def test_a_claim_compares_numbers(value, over):
    with pytest.raises(ValueError, match="compares two numbers"):
        claims.claim("A", value, over)


def test_results_hold_numbers_of_any_library(tmp_path):
    results.write(tmp_path / "a.json", {"n": np.int64(2), "x": torch.tensor([0.5]), "rows": [{"y": np.float32(1)}]})
    assert results.read(tmp_path / "a.json") == {"n": 2, "x": [0.5], "rows": [{"y": 1.0}]}
