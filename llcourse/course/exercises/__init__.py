"""The exercises of every chapter: `chNN.py` beside this file holds those of chapter NN.

    @exercise("3.2", title="A window of two", dots=2, minutes=10, why="...", hints=["...", "..."])
    def window_of_two(answer):
        if answer(4)[0, 1] != 0:
            raise Wrong("loss 1 comes before module 2 and cannot train it: look above the diagonal")

The check is given what the learner made. It raises Wrong, or returns: None, or a text that stands behind PASS, such as
the score of a design. A function that the learner writes returns its result: one that returns None is taken for an
untouched stub, unless the exercise says `acts=True`. With `numbers=True` the answer, or what the answer's function
returns, reaches the check as Python numbers and lists, whether the learner wrote Python, numpy or torch (plain.py).

`chNN.py` in `solutions` maps each id to the name of its solution there, which is also the name that the notebook's stub
defines: `SOLUTIONS = {"3.2": "window"}`.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass


class Wrong(Exception):
    """An answer that is not right; the message tells the learner where to look."""


class NoSuchExercise(LookupError):
    """An id that no chapter has; the message names those that there are."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. dots: difficulty, 1 to 3. hints: from a nudge to nearly the answer. check: answer -> None or a text
    to stand behind PASS; or Wrong. numbers: the answer is made of numbers. acts: its function need return nothing."""

    id: str
    title: str
    dots: int
    minutes: int
    why: str
    hints: list[str]
    check: Callable
    numbers: bool = False
    acts: bool = False


def exercise(id, *, title, dots, minutes, why, hints, numbers=False, acts=False):
    """Decorator: make an Exercise of a check function."""
    return lambda check: Exercise(id, title, dots, minutes, why, list(hints), check, numbers, acts)


def chapters():
    """Numbers of the chapters that have exercises, in order: ["00", "01", ...]."""
    return sorted(m.name[2:] for m in pkgutil.iter_modules(__path__) if m.name.startswith("ch"))


def of_chapter(number):
    """{id: Exercise} of one chapter ("03"), in the order they are written; empty if it has none."""
    try:
        module = importlib.import_module(f"{__name__}.ch{number}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.ch{number}":
            raise
        return {}
    return {e.id: e for e in vars(module).values() if isinstance(e, Exercise)}


def find(id):
    """The Exercise called `id`, "3.2" or 3.2, or NoSuchExercise."""
    id = str(id)
    chapter = id.partition(".")[0]
    known = of_chapter(chapter.zfill(2)) if chapter.isdecimal() else {}
    if id not in known:
        if known:
            raise NoSuchExercise(f"there is no exercise {id!r}; chapter {chapter} has {', '.join(known)}")
        raise NoSuchExercise(f"there is no exercise {id!r}; chapters with exercises: "
                             f"{', '.join(chapters()) or 'none yet'} (an id is the text '3.2': chapter, dot, number)")
    return known[id]
