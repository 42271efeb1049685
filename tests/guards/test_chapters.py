"""Every committed chapter obeys every rule."""

import re
import warnings

import nbformat
import pytest
from nbconvert import HTMLExporter

from llcourse import paths, reproduce, results
from llcourse.course import chapters, exercises
from tests.guards.cards import faults
from tests.guards.claimed import GOOD_MARGIN, claimed, margin, margin_faults
from tests.guards.links import broken_links
from tests.guards.rules import BYTES, RULES, alts

CHAPTERS = chapters.find() or {"none yet": None}
MINUTES = 2


@pytest.fixture(params=CHAPTERS.items(), ids=list(CHAPTERS), scope="module")
def chapter(request):
    number, path = request.param
    if path is None:
        pytest.skip("notebooks/ has no chapter yet")
    return number, path, nbformat.read(path, as_version=4)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_obeys(rule, chapter):
    assert not list(rule(chapter[2]))


def test_is_valid_and_small(chapter):
    nbformat.validate(chapter[2])
    assert chapter[1].stat().st_size <= BYTES


def test_a_page_made_of_it_has_words_for_every_figure(chapter):
    page, _ = HTMLExporter().from_notebook_node(chapter[2])
    outputs = [output for cell in chapter[2].cells for output in cell.get("outputs", [])]
    figures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert "No description has been provided" not in page and figures <= len(alts(page))


def test_links_resolve(chapter):
    text = "\n\n".join(cell.source for cell in chapter[2].cells if cell.cell_type == "markdown")
    assert not list(broken_links(text, chapter[1].parent))


def test_cards_and_stubs_match_the_exercises(chapter):
    number, _, notebook = chapter
    assert not list(faults(notebook, exercises.of_chapter(number)))


def test_minutes_were_measured(chapter):
    recorded = (results.read(results.minutes_file()) or {}).get(chapter[0])
    assert recorded, f"no measured minutes: python -m llcourse run {chapter[0]} --inplace"
    assert recorded["minutes"] <= MINUTES and recorded["threads"] <= 2
    row = f"| {chapter[0]} | [{chapter[2].cells[0].source.splitlines()[0][5:]}](notebooks/{chapter[1].name}) |"
    shown = next(line for line in (paths.root() / "README.md").read_text(encoding="utf-8").splitlines()
                 if line.startswith(row))
    assert shown.endswith(f"| {recorded['minutes']:.1f} |"), "README's table shows other minutes"


def test_claims_hold_with_a_margin(chapter):
    number, _, notebook = chapter
    recorded = results.read(results.claims_file(number))
    again = f"python -m llcourse run {number} --seeds 10"
    assert recorded or not claimed(notebook), f"claims of chapter {number} are not recorded: {again}"
    assert recorded["code"] == chapters.code_hash(notebook), (
        f"its code has changed since its claims were recorded: {again}")
    assert not list(margin_faults(claimed(notebook), recorded))
    for row in recorded["claims"]:
        if margin(row) < GOOD_MARGIN:
            warnings.warn(f"chapter {number}: {row['text']!r} holds by {margin(row):.1f} standard deviations; aim at 5")


def test_paper_scale_tables_are_the_recorded_ones(chapter):
    for cell in chapter[2].cells:
        for suite in re.findall(r'reproduce\.table\("([\w-]+)"\)', cell.source) if cell.cell_type == "code" else []:
            shown = "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "")
                            for output in cell.outputs)
            assert str(reproduce.table(suite)) in shown, (
                f"{suite} was recorded since: python -m llcourse run {chapter[0]} --inplace")


def test_notebooks_folder_holds_chapters_only():
    folder = paths.root() / "notebooks"
    strangers = [p.name for p in folder.glob("*") if not re.fullmatch(r"\d\d_\w+\.ipynb|\.ipynb_checkpoints", p.name)]
    assert not strangers
