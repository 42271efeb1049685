"""The guard on exercise cards notices a card, stub or check that does not match the exercise."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from llcourse.course.exercises import Exercise
from tests.guards.cards import faults

EXERCISE = {"3.2": Exercise("3.2", "A window", 2, 10, "why", ["hint"], None)}


def notebook(card="### Exercise 3.2: A window of two ●●○ 10 min", stub="3.2", check='check("3.2", window)'):
    metadata = {"llcourse": {"exercise": stub}} if stub else {}
    return new_notebook(cells=[new_markdown_cell(card), new_code_cell("def window(): ...", metadata=metadata),
                               new_code_cell(check)])


def test_a_matching_card_passes():
    assert not list(faults(notebook(), EXERCISE))


@pytest.mark.parametrize("shown, words", [
    (notebook(card="### Exercise 3.2: A window of two ●○○ 10 min"), "card of 3.2"),
    (notebook(card="### Exercise 3.2: A window of two ●●○ 15 min"), "card of 3.2"),
    (notebook(card="no card"), "no card"),
    (notebook(stub=None), "no stub"),
    (notebook(check="window()"), "never calls check"),
    (notebook(stub="3.9"), "3.9"),
])
def test_a_difference_is_named(shown, words):
    assert any(words in fault for fault in faults(shown, EXERCISE))
