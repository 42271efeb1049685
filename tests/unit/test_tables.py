"""Tables: numbers as a reader expects them, aligned text that is nowhere too long, HTML that says what is a head."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

import llcourse as ll
from llcourse.tables import WIDTH, Table


def lines(*args, **kwargs):
    return str(Table(*args, **kwargs)).splitlines()


def test_numbers_texts_and_what_is_missing():
    rows = [{"head": "cnn", "MACs": 4719232, "ratio": 1.0, "note": "so"},
            {"head": "mlp-sr", "MACs": None, "ratio": 0.25}]
    assert lines(rows, title="Heads", notes="a note") == [
        "Heads",
        "head         MACs  ratio  note",
        "cnn     4,719,232   1.00  so",
        "mlp-sr          -   0.25  -",
        "a note"]


@pytest.mark.parametrize("value, digits, shown", [
    (2.0, 0, "2"), (1234567.891, 1, "1,234,567.9"), (float("nan"), 2, "nan"), (0, 3, "0"), (True, 2, "True"),
    (np.int64(1200), 2, "1,200"), (np.float32(0.5), 3, "0.500"), (torch.tensor(7), 2, "7"),
    (torch.tensor(0.25), 2, "0.25"), (np.array([1, 0]), 2, "[1 0]"), ((16, 32), 2, "(16, 32)"), ("0.5", 1, "0.5"),
])
def test_a_cell(value, digits, shown):
    assert lines([{"a": "x", "b": value}], digits=digits)[1].split(maxsplit=1)[1] == shown


def test_digits_by_column():
    assert lines([{"a": 1, "b": 1.0, "c": 1.0}], digits={"b": 0})[1].split() == ["1", "1", "1.00"]
    with pytest.raises(ValueError, match="digits names d; the columns are a, b"):
        Table([{"a": 1, "b": 1.0}], digits={"d": 1})


@pytest.mark.parametrize("cells, right", [
    ([1, 22], True), ([1, None], True), (["16x32", 22], True), (["+1.20", "-"], True),
    (["7.37 +- 0.10", "1,000"], True), (["1c2f", "mlp"], False), (["1c2f", "-"], False),
    ([(16, 32), (8,)], False), ([True, False], False),
])
def test_figures_stand_to_the_right_and_the_first_column_to_the_left(cells, right):
    found = lines([{"first column": n, "a wide column": cell, "z": "z"} for n, cell in enumerate(cells)])
    start, end = len("first column  "), len("first column  a wide column")
    for line in found[1:]:
        cell = line[start:end]
        assert (cell[-1] != " " and cell[0] == " ") if right else cell[0] != " "
        assert line[0].isdigit()


def test_no_line_is_too_long():
    rows = [{"claim": f"{n} " + "word " * 30, "needs": 1.5, "x" * 40: 2} for n in range(2)]
    note = "a word " * 13 + "`python -m llcourse reproduce dgl-table` and " + "more " * 20
    found = lines(rows, title="title " * 40, notes=[note, "second " * 30])
    assert max(map(len, found)) <= WIDTH == 100
    assert any("`python -m llcourse reproduce dgl-table`" in line for line in found)
    assert " ".join(found).count("word") == 2 * 30 + 13 and " ".join(found).count("title") == 40
    assert [line.split()[-2:] for line in found if line.endswith(" 2")] == [["1.50", "2"]] * 2


@pytest.mark.parametrize("width, fits", [(82, True), (83, False)])
def test_what_cannot_fit_is_refused(width, fits):
    row = [{"a first column of words": "many words " * 5, "x" * width: 1}]
    if fits:
        assert max(map(len, lines(row))) == WIDTH
    else:
        with pytest.raises(ValueError, match="most: shorten a head"):
            Table(row)


def test_without_rows_only_title_and_notes_are_left():
    assert lines([], notes="nothing is here", digits={"a": 1}) == ["nothing is here"]
    html = Table([], "Title", "nothing `is` here")._repr_html_()
    assert "<table" not in html and "<p>Title</p>" in html and "<p>nothing <code>is</code> here</p>" in html


def test_html_says_what_is_a_head_and_scrolls_by_itself():
    made = Table([{"head": "<b>", "MACs": 1200}, {"head": "c", "MACs": "1<2"}], "A & B", "see `x < y`")
    html = made._repr_html_()
    tree = ElementTree.fromstring(f"<main>{html}</main>")  # whole, and nothing unescaped
    box, note = list(tree)
    table = box.find("table")
    assert "overflow-x: auto" in box.get("style") and note.find("code").text == "x < y"
    assert table.find("caption").text == "A & B"
    assert [(th.text, th.get("scope")) for th in table.findall("thead/tr/th")] == [("head", "col"), ("MACs", "col")]
    assert [(th.text, th.get("scope")) for th in table.findall("tbody/tr/th")] == [("<b>", "row"), ("c", "row")]
    cells = table.findall("tbody/tr/td")
    assert [td.text for td in cells] == ["1,200", "1<2"] and all("text-align: right" in td.get("style") for td in cells)
    assert "text-align: left" in table.find("thead/tr/th").get("style")
    assert not re.search(r"\bid=", html) and html == made._repr_html_()


def test_a_notebook_shows_text_and_html():
    made = ll.table([{"K": 4, "MiB": 30.4}], digits=1)
    assert isinstance(made, Table) and repr(made) == str(made) == "K   MiB\n4  30.4"


def test_rows_may_come_from_a_generator_and_have_columns_of_their_own():
    made = Table({"K": K, f"only {K}": K} for K in (1, 2))
    assert lines([{"head": "cnn", 4: 1, 16: 2}]) == ["head  4  16", "cnn   1   2"]
    assert made.columns == ["K", "only 1", "only 2"] and str(made).splitlines()[1].split() == ["1", "1", "-"]
