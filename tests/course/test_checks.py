"""check, hint and reveal on a small exercise made here, in every state that a learner can leave it in."""

import functools
import random
import sys
import types

import numpy as np
import pytest
import torch

from llcourse.course import checks, exercises, solutions
from llcourse.course.exercises import Wrong, exercise

SOLUTIONS_TEXT = '''
import torch

def decorated(f):
    return f

@decorated
def double(x):
    """Twice x."""
    return 2 * x

limit = [1, 2]

def empty(box):
    box.clear()

SOLUTIONS = {"98.1": "double", "98.2": "limit", "98.3": "empty", "98.4": "limit"}
'''


@exercise("98.1", title="Double", dots=1, minutes=3, why="to see one", hints=["think of a sum", "x + x"])
def check_double(answer):
    torch.rand(3), random.random(), np.random.rand()
    assert torch.is_grad_enabled()
    if answer(3) != 6:
        raise Wrong(f"double(3) is 6, and yours gives {answer(3)}")


@exercise("98.2", title="A value", dots=2, minutes=3, why="to see another", hints=[])
def check_limit(answer):
    if answer[1] != 2:
        raise Wrong("the second is 2")


@exercise("98.3", title="An act", dots=1, minutes=3, why="to see a third", hints=[], acts=True)
def check_empty(answer):
    box = [1, 2, 3]
    answer(box)
    if box:
        raise Wrong("the box is not empty")
    return "your score: 3"


@exercise("98.4", title="Numbers", dots=1, minutes=3, why="to see a fourth", hints=[], numbers=True)
def check_numbers(answer):
    given = answer(2) if callable(answer) else answer
    if given != [1, 2] or not all(type(item) in (int, float) for item in given):
        raise Wrong(f"[1, 2], not {given}")


@pytest.fixture(autouse=True)
def chapter_98(monkeypatch, tmp_path):
    module = types.ModuleType("llcourse.course.exercises.ch98")
    module.double, module.limit, module.empty, module.numbers = check_double, check_limit, check_empty, check_numbers
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "ch98.py").write_text(SOLUTIONS_TEXT)
    monkeypatch.setattr(solutions, "__path__", [*solutions.__path__, str(tmp_path)])
    monkeypatch.setattr(checks, "_hints_given", {})
    yield
    sys.modules.pop("llcourse.course.solutions.ch98", None)


def learner(tmp_path, text):
    """A function `double` as a notebook cell would define it."""
    file = tmp_path / "cell.py"
    file.write_text(text)
    namespace = {"__name__": "__main__"}
    exec(compile(text, str(file), "exec"), namespace)
    return namespace["double"]


def printed(capsys, call, *arguments):
    call(*arguments)
    return capsys.readouterr().out


def test_the_solution_passes(capsys):
    assert printed(capsys, checks.check, "98.1", solutions.solution("98.1")) == "98.1: PASS\n"
    assert printed(capsys, checks.check, "98.2", solutions.solution("98.2")) == "98.2: PASS\n"


@pytest.mark.parametrize("body", ["raise NotImplementedError", "return None", "return ...", "pass", "..."])
def test_a_stub_is_not_attempted(capsys, tmp_path, body):
    stub = learner(tmp_path, f"def double(x):\n    {body}\n")
    assert printed(capsys, checks.check, "98.1", stub) == "98.1: not attempted\n"


@pytest.mark.parametrize("value", [None, ...])
def test_an_empty_value_is_not_attempted(capsys, value):
    assert printed(capsys, checks.check, "98.2", value) == "98.2: not attempted\n"


def test_a_text_of_the_check_stands_behind_pass(capsys):
    assert printed(capsys, checks.check, "98.3", solutions.solution("98.3")) == "98.3: PASS, your score: 3\n"


@pytest.mark.parametrize("body, said", [("pass", "not attempted"), ("...", "not attempted"),
                                        ("len(x)", "not yet. the box is not empty"), ("x.clear()", "PASS, your score")])
def test_an_act_returns_nothing(capsys, tmp_path, body, said):
    answer = learner(tmp_path, f"def double(x):\n    {body}\n")
    assert printed(capsys, checks.check, "98.3", answer).startswith(f"98.3: {said}")


@pytest.mark.parametrize("answer", [[1, 2], (1.0, 2.0), range(1, 3), np.array([1, 2]), torch.tensor([1.0, 2.0]),
                                    [np.float32(1), torch.tensor(2)], torch.tensor([1.0, 2.0], requires_grad=True)])
def test_numbers_are_taken_alike(capsys, answer):
    assert printed(capsys, checks.check, "98.4", answer) == "98.4: PASS\n"
    assert printed(capsys, checks.check, "98.4", lambda n: answer) == "98.4: PASS\n"


class Called:
    def __call__(self, n):
        return (1.0, torch.tensor(n))


@pytest.mark.parametrize("answer", [Called(), functools.partial(lambda first, n: (first, n), 1.0)])
def test_whatever_can_be_called_is_a_function(capsys, answer):
    assert printed(capsys, checks.check, "98.4", answer) == "98.4: PASS\n"
    assert "does its last line" in printed(capsys, checks.check, "98.1", functools.partial(lambda x: None))


@pytest.mark.parametrize("answer", ["12", [1, "2"], [1, None], {1: 2}])
def test_what_is_no_number_is_named(capsys, answer):
    assert "98.4: not yet. numbers are asked for; this holds a" in printed(capsys, checks.check, "98.4", answer)


def test_a_wrong_answer_gets_the_message(capsys):
    assert printed(capsys, checks.check, "98.1", lambda x: x) == "98.1: not yet. double(3) is 6, and yours gives 3\n"


def test_a_crash_shows_the_learners_line(capsys, tmp_path):
    wrong = learner(tmp_path, "import torch\n\ndef product(x):\n    return torch.eye(2) @ torch.ones(x)\n\n"
                              "def double(x):\n    return product(x)\n")
    out = printed(capsys, checks.check, "98.1", wrong)
    assert out.startswith("98.1: your code stopped at line 4, `return torch.eye(2) @ torch.ones(x)`: RuntimeError: ")
    assert "Traceback" not in out


@pytest.mark.parametrize("answer, words", [(lambda: 6, "a function: TypeError"), (5, "a int: TypeError")])
def test_an_unusable_answer_is_no_traceback(capsys, answer, words):
    assert f"could not use your answer, {words}" in printed(capsys, checks.check, "98.1", answer)


def test_a_forgotten_return_is_named(capsys, tmp_path):
    wrong = learner(tmp_path, "def double(x):\n    2 * x\n")
    assert printed(capsys, checks.check, "98.1", wrong).startswith(
        "98.1: not yet. your function returned None: does its last")


def test_a_module_without_forward_is_not_an_untouched_stub(capsys, tmp_path):
    wrong = learner(tmp_path, "from torch import nn\n\ndef double(x):\n    return nn.ModuleList()(x)\n")
    assert "stopped at line 4, `return nn.ModuleList()(x)`: NotImpl" in printed(capsys, checks.check, "98.1", wrong)


def test_random_state_and_gradient_mode_stay(capsys):
    def draw_and_switch(x):
        torch.manual_seed(5), random.seed(5), np.random.seed(5)
        torch.set_grad_enabled(False)
        return 2 * x

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(1).item()
    for mode in (True, False):
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        with torch.set_grad_enabled(mode):
            # The check itself asserts that gradients are on; the learner's call comes after it.
            assert printed(capsys, checks.check, "98.1", draw_and_switch) == "98.1: PASS\n"
            assert torch.is_grad_enabled() is mode
        assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected


def test_hints_come_one_at_a_time(capsys):
    said = [printed(capsys, checks.hint, "98.1") for _ in range(3)]
    assert said == ["98.1, hint 1 of 2: think of a sum\n", "98.1, hint 2 of 2: x + x\n",
                    '98.1: no more hints; reveal("98.1") shows the solution\n']


def test_an_id_may_be_a_number(capsys):
    assert printed(capsys, checks.check, 98.1, solutions.solution("98.1")) == "98.1: PASS\n"
    assert printed(capsys, checks.hint, 98.1) == "98.1, hint 1 of 2: think of a sum\n"
    assert printed(capsys, checks.hint, "98.1") == "98.1, hint 2 of 2: x + x\n"
    assert printed(capsys, checks.reveal, np.float64(98.2)) == "limit = [1, 2]\n"


def test_reveal_prints_the_source(capsys):
    assert printed(capsys, checks.reveal, "98.1") == (
        '@decorated\ndef double(x):\n    """Twice x."""\n    return 2 * x\n')
    assert printed(capsys, checks.reveal, "98.2") == "limit = [1, 2]\n"


@pytest.mark.parametrize("call", [checks.hint, checks.reveal, lambda id: checks.check(id, 5)])
@pytest.mark.parametrize("id, words", [("98.7", "chapter 98 has 98.1, 98.2, 98.3"), ("97.1", "chapters with exercises"),
                                       (98.7, "there is no exercise '98.7'"), (98, "chapter 98 has"),
                                       ("x", "an id is the text")])
def test_an_unknown_id_names_the_known(call, id, words):
    with pytest.raises(exercises.NoSuchExercise, match=words):
        call(id)


def test_what_is_printed_fits_an_output_cell(capsys, monkeypatch):
    text = "word " * 17 + "`a line of code` " + "word " * 40
    long = exercise("98.9", title="Long", dots=1, minutes=3, why="", hints=[text])(lambda answer: text)
    monkeypatch.setattr(exercises, "find", lambda id: long)
    checks.check("98.9", 1)
    checks.hint("98.9")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4 and max(map(len, lines)) <= 100
    assert sum("`a line of code`" in line for line in lines) == 2  # not broken
