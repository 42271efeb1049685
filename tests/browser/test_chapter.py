"""A chapter in JupyterLab, as a reader uses it: on a copy with short trainings, its cells the real ones.

Needs the system's package `chromium`, and is skipped without it.
"""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from llcourse.course import chapters, solutions
from tests.browser.lab import CHAPTER, opened

SHORTER = {"train=6_000, test=2_000": "train=400, test=200", "epochs=6": "epochs=2"}
LONG = 'history = ll.train(net, images, epochs=100_000, label="a long run")'


class Chapter:
    """The copy: its file, its cells by id, and the Lab that has run it."""

    def __init__(self, lab, file, cells):
        self.lab, self.file = lab, file
        self.number = {cell.id: n for n, cell in enumerate(cells)}
        self.sources = [cell.source for cell in cells]

    def find(self, text):
        return next(n for n, source in enumerate(self.sources) if text in source)


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """Chapter 00 after Run All, but for its last cell, a training that goes on."""
    notebook = nbformat.read(chapters.find("00")["00"], as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            for long, short in SHORTER.items():
                cell.source = cell.source.replace(long, short)
    code = "\n".join(cell.source for cell in notebook.cells)
    assert all(short in code for short in SHORTER.values()), "the chapter trains in other words: shorten those"
    notebook.cells.append(new_code_cell(LONG))
    file = tmp_path_factory.mktemp("notebooks") / "chapter.ipynb"
    nbformat.write(notebook, file)
    with opened(file, tmp_path_factory.mktemp("lab")) as lab:
        lab.run_all()
        yield Chapter(lab, file, notebook.cells)


@pytest.fixture(scope="module")
def ran(chapter):
    """The chapter once its last cell, too, has been stopped: the kernel is free."""
    last = len(chapter.sources) - 1
    chapter.lab.wait_for_output(last, r"a long run: +\d+%", CHAPTER)
    chapter.lab.stop()
    chapter.lab.wait_for_output(last, "KeyboardInterrupt: ")
    return chapter


def test_a_stopped_training_says_how_to_go_on_and_runs_again(ran):
    last = len(ran.sources) - 1
    printed = ran.lab.wait_for_output(last, "KeyboardInterrupt: ").strip().splitlines()
    assert printed[0].startswith("a long run: stopped at ") and printed[1] == f"line 1 of this cell:  {LONG}"
    assert re.fullmatch(r"KeyboardInterrupt: stopped after \d+ of 100000 epochs: run again from where the network is "
                        "made", printed[-1])
    assert len(printed) <= 15
    ran.lab.type_into(last, LONG.replace("100_000", "1"))
    ran.lab.run(last)
    ran.lab.wait_for_output(last, "a long run: done in ")


def test_every_cell_ran(ran):
    ran.lab.wait_for_output(ran.find("margins("), "claim")
    wrong = ran.lab.page.locator("[data-mime-type$=stderr], [data-mime-type$=error]")
    assert [text for text in wrong.all_inner_texts() if "KeyboardInterrupt" not in text] == []


def test_an_exercise_is_solved_wrong_and_right(ran):
    stub, checked = ran.find("trained_by_loss_3 = ..."), ran.find('check("0.1"')
    for answer, verdict in (("trained_by_loss_3 = {3}", "not yet. "), (solutions.source("0.1"), r"PASS\b")):
        ran.lab.type_into(stub, answer)
        ran.lab.run(stub)
        ran.lab.run(checked)
        ran.lab.wait_for_output(checked, rf"0\.1: {verdict}")


@pytest.fixture
def panel(ran):
    panel = ran.lab.cell(ran.find("panel = ll.panels.reach()")).locator(".jp-OutputArea-output .widget-vbox").first
    panel.scroll_into_view_if_needed()
    return panel


def test_the_controls_of_a_panel_change_picture_and_text(ran, panel):
    expect, text, picture = ran.lab.expect, panel.locator(".widget-html").last, panel.locator("img")
    expect(text).to_contain_text("losses computed: 1; borders detached: 0 of 3")  # the chapter's code has not moved it
    for move, said in (
            (lambda: panel.locator("select").select_option("Interlocking, 2-wise"), "3; .*: 0 of 3"),
            (lambda: panel.locator(".noUi-handle").press("ArrowLeft"), "2; .*: 0 of 2")):
        before = picture.get_attribute("src")
        move()
        expect(text).to_contain_text(re.compile(f"losses computed: {said}"))
        expect(picture).not_to_have_attribute("src", before)


def test_a_panel_is_seen_whole_and_its_picture_at_its_size(ran, panel):
    panel.evaluate("panel => panel.scrollIntoView({block: 'center'})")
    picture = panel.locator("img")
    natural = picture.evaluate("image => image.naturalWidth / image.getBoundingClientRect().width")
    assert natural == pytest.approx(max(1, round(natural)), abs=0.02)  # drawn at once or twice the size it is shown
    left, top, right, bottom = ran.lab.box(ran.lab.page.locator(".jp-NotebookPanel-notebook"))
    for part in (panel.locator("select"), panel.locator(".noUi-handle"), picture, panel.locator(".widget-html").last):
        part_left, part_top, part_right, part_bottom = ran.lab.box(part)
        assert left <= part_left and top <= part_top and part_right <= right and part_bottom <= bottom


def test_a_screen_reader_gets_words_for_every_figure(ran):
    figures = ran.lab.page.locator(".jp-OutputArea-output:not(.jupyter-widgets) img:not(.jupyter-widgets *)")
    alts = [figures.nth(n).get_attribute("alt") or "" for n in range(figures.count())]
    assert len(alts) >= 7 and all(len(alt) >= 20 for alt in alts), alts


def test_a_saved_notebook_still_says_what_was_trained(ran):
    ran.lab.save()
    training = ran.find("histories = {")

    def saved():
        outputs = nbformat.read(ran.file, as_version=4).cells[training].get("outputs", [])
        return [output["data"]["text/plain"] for output in outputs]

    ran.lab.page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    lines = saved()
    assert [line.split(": done in ")[0] for line in lines] == ["backprop", "DGL", "random prefix"]
    assert all(re.search(r": done in \d\d:\d\d, accuracy ", line) for line in lines)
