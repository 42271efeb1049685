"""Every exercise of every chapter: its check passes the solution, knows the stub, and helps with each wrong answer."""

import importlib
from decimal import Decimal
from fractions import Fraction

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

import llcourse
from llcourse import groups, networks, reach
from llcourse.course import chapters, checks, exercises, solutions
from llcourse.course.exercises import fitting, owning, paying, planning, readouts
from llcourse.course.solutions.ch00 import sealed_losses
from llcourse.course.solutions.ch01 import far_but_fast, kept_for_backward, two_losses
from llcourse.course.solutions.ch02 import forward_epochs
from llcourse.course.solutions.ch05 import design, message_bytes
from llcourse.course.solutions.ch07 import front, idle
from llcourse.course.solutions.ch09 import pays_off, weights
from llcourse.course.solutions.ch10 import cells, owners
from tests.course.wrong_answers import ch08, ch11
from tests.course.wrong_answers.ch00 import right
from tests.course.wrong_answers.ch02 import phase
from tests.course.wrong_answers.ch03 import step
from tests.course.wrong_answers.ch05 import in_place, update
from tests.course.wrong_answers.ch06 import by_backward, from_above
from tests.course.wrong_answers.ch09 import (
    at_the_border,
    by_adding,
    by_linspace,
    by_logsigmoid,
    by_search,
    by_softplus,
    by_supplied,
    even,
    into_a_copy,
)
from tests.course.wrong_answers.ch10 import (
    by_autograd,
    by_distances,
    by_index,
    exchanged,
    filled,
    minus_infinity,
    pick,
    renamed,
)
from tests.guards.cards import stubs

pytestmark = pytest.mark.usefixtures("small_trial")
EVERY = {id: e for number in exercises.chapters() for id, e in exercises.of_chapter(number).items()}


@pytest.fixture(params=EVERY.items() or [(None, None)], ids=lambda pair: pair[0] or "none yet")
def item(request):
    if request.param[0] is None:
        pytest.skip("no chapter has an exercise yet")
    return request.param


def chapter_of(id):
    return id.partition(".")[0].zfill(2)


def wrong_answers(id):
    """[(object, words its message must hold)] planted for exercise `id` in tests/course/wrong_answers/chNN.py."""
    return importlib.import_module(f"tests.course.wrong_answers.ch{chapter_of(id)}").WRONG[id]


def stub(id):
    """What the notebook's stub cell defines, as the learner finds it."""
    cells = stubs(nbformat.read(chapters.find(chapter_of(id))[chapter_of(id)], as_version=4))
    namespace = {"__name__": "__main__", "ll": llcourse, "torch": torch, "F": torch.nn.functional, "nn": nn,
                 **{name: getattr(llcourse.course, name) for name in llcourse.course.__all__}}
    exec(cells[id], namespace)
    return namespace[solutions.name(id)]


def test_the_solution_passes(item):
    assert checks.verdict(item[1], solutions.solution(item[0])).startswith("PASS")


def test_the_solution_can_be_revealed(item):
    assert solutions.name(item[0]) in solutions.source(item[0])


def test_the_stub_is_not_attempted(item):
    assert checks.verdict(item[1], stub(item[0])) == "not attempted"


def test_wrong_answers_are_told_what_is_wrong(item):
    planted = wrong_answers(item[0])
    assert len(planted) >= 2, f"plant two or three wrong answers to {item[0]}"
    for answer, words in planted:
        said = checks.verdict(item[1], answer)
        assert said.startswith("not yet.") and words in said, f"{answer} was told: {said}"


JUNK = [0, "text", [], {}, [[1, 2], [3]], float("nan"), object(), nn.Linear(2, 2), nn.Linear, np.zeros((2, 2, 2)), len,
        torch.zeros(3), [None], {"loss 1": 0}]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: str(junk)[:12].strip())
def test_nothing_raises(item, junk):
    for answer in (junk, lambda *given: junk, lambda *given: [junk, junk], lambda *given: given[0]):
        assert checks.verdict(item[1], answer).startswith(("not yet.", "your code stopped"))


class ByHand(nn.Module):
    """A linear head whose weight is (C, classes), not nn.Linear's (classes, C)."""

    def __init__(self, shape, classes):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(shape[0], classes)), nn.Parameter(torch.randn(classes))

    def forward(self, x):
        return x.mean(dim=(2, 3)) @ self.weight + self.bias


def stairs(points):
    """From the cheapest on, all that are better than whatever is cheaper; by cost, the best alone."""
    kept, best = [], float("-inf")
    for cost in sorted({cost for cost, _ in points.values()}):
        top = max(quality for c, quality in points.values() if c == cost)
        if top > best:
            kept += [name for name, point in points.items() if point == (cost, top)]
            best = top
    return kept


def backward_with_clearing(module_input, output, parameters, message):
    for parameter in parameters:
        parameter.grad = None
    output.backward(message)
    return module_input.grad


OTHERWISE = [("0.1", 2), ("0.1", torch.tensor(2)), ("0.1", np.array([2])), ("0.1", [np.int64(2)]),
             ("0.2", torch.from_numpy(reach.chunked(6, 3))),
             ("0.3", lambda losses, modules: np.array(right(losses, modules))), ("2.1", ByHand),
             ("1.1", backward_with_clearing), ("1.2", lambda *given: torch.tensor(kept_for_backward(*given))),
             ("1.4", torch.tensor(far_but_fast)), ("3.1", step),
             ("3.2", lambda n, K, worker: np.array({16: [3, 6, 11], 10: [2, 6]}[n])),
             ("3.3", lambda K, batches: torch.tensor(3 * batches / (3 * batches + K - 1), dtype=torch.float64)),
             ("3.3", lambda K, batches: torch.tensor(3 * batches / (3 * batches + K - 1))),
             ("3.3", lambda K, batches: np.float32(3 * batches / (3 * batches + K - 1))),
             ("3.3", lambda K, batches: Fraction(3 * batches, 3 * batches + K - 1)),
             ("3.3", lambda K, batches: Decimal(3 * batches) / (3 * batches + K - 1)),
             ("1.2", lambda *given: Fraction(kept_for_backward(*given))),
             ("1.3", lambda *given: dict(reversed(two_losses(*given).items()))),
             ("0.4", lambda *given: dict(reversed(sealed_losses(*given).items()))),
             ("2.2", phase), ("2.3", lambda K, e: np.array(forward_epochs(K, e))),
             ("5.1", update), ("5.1", in_place), ("5.1", lambda *given: list(update(*given))),
             ("5.2", lambda *given: torch.tensor(message_bytes(*given))),
             ("5.2", lambda *given: Fraction(message_bytes(*given))),
             ("5.3", lambda borders, room: np.array(design(borders, room))),
             ("5.3", lambda borders, room: torch.tensor([[128, 16], [128, 16], [64, 4]])),
             ("6.1", by_backward), ("6.2", from_above),
             ("6.3", lambda K, N: torch.tensor(1 + (N - 1) * (K - N) / (3 * K))),
             ("6.3", lambda K, N: 1 + Fraction((N - 1) * (K - N), 3 * K)),
             ("7.1", lambda *given: torch.tensor(idle(*given))),
             ("7.1", lambda plan, K, m: 1 - {"local": 1, "ZB-H1": 3 * m / (3 * m + K - 1)}.get(plan, m / (m + K - 1))),
             ("7.2", stairs), ("7.2", lambda points: tuple(front(points))),
             ("7.2", lambda points: sorted(reversed(front(points)), key=lambda name: points[name][0])),
             ("7.3", ((8, 8, 16, "ZB-H1"), [np.int64(8), torch.tensor(3), 2, "ZB-H1"])),
             ("9.1", by_softplus), ("9.1", by_logsigmoid), ("9.2", by_linspace), ("9.2", by_adding),
             ("9.2", lambda *given: np.array(weights(*given), dtype=np.float32)), ("9.3", by_supplied),
             ("9.3", at_the_border), ("9.3", into_a_copy), ("9.4", by_search), ("9.4", even()),
             ("9.4", lambda *given: torch.tensor(pays_off(*given), dtype=torch.float64)),
             ("10.1", by_autograd), ("10.1", filled),
             ("10.1", lambda block, G: {name: owner.clone().byte() for name, owner in owners(block, G).items()}),
             ("10.2", groups.diversity), ("10.2", minus_infinity), ("10.2", by_distances),
             ("10.3", by_index), ("10.3", renamed), ("10.3", exchanged),
             ("10.4", pick()), ("10.4", lambda *given: np.array(pair) if (pair := cells(*given)) else None),
             ("10.4", lambda *given: torch.tensor(cells(*given)) if cells(*given) else None)]
OTHERWISE += [(id, answer) for id, answers in ch08.RIGHT.items() for answer in answers]
OTHERWISE += ch11.RIGHT


@pytest.mark.parametrize("id, answer", OTHERWISE)
def test_a_right_answer_written_otherwise_passes(id, answer):
    assert checks.verdict(EVERY[id], answer).startswith("PASS")


def test_the_card_is_complete(item):
    exercise = item[1]
    assert exercise.title and exercise.why and exercise.hints and 1 <= exercise.dots <= 3 and exercise.minutes > 0


def test_the_best_plans_that_advice_is_measured_by_are_the_best_there_are():
    for latency, ms in zip(planning.LATENCIES, planning.BEST):
        assert planning.best(latency)[0] == pytest.approx(ms)


def test_owners_as_autograd_measures_them_are_those_that_the_package_trains_by():
    torch.manual_seed(0)
    for what, G, channels, block in owning._blocks():
        found, named = owning.measured(block, G, channels), dict(block.named_parameters())
        for g, slices in groups.owned(block, G).items():
            for (name, owner), (p, rows) in zip(found.items(), slices):
                assert p is named[name] and (owner[rows] == g).all() and (owner == g).sum() == p[rows].numel(), what


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_workers_of_the_last_exercise_compute_what_the_package_counts(share):
    with torch.device("meta"):
        whole = networks.resnet(20)
        for K, G in ((1, 1), (4, 1), (1, 2), (8, 4)):
            net = whole.cut(K, head=fitting.HEAD, groups=G, share=share if G > 1 else 1.0)  # one has none to share with
            counted = [(body.macs, head.macs) for body, head in llcourse.cost.modules(net, whole.shape)]
            assert fitting.costs(K, G, share) == counted


@pytest.mark.parametrize("kind", readouts.KINDS)
def test_heads_of_a_language_model_cost_in_the_exercise_what_the_package_counts(kind):
    for width, vocabulary, context in readouts.CASES[:-1]:
        net = networks.gpt(2, width, 4, context, vocabulary)
        head, block = (llcourse.cost.count(part, (context, width)) for part in (
            net.make_head(kind, (context, width), vocabulary), net.blocks[1]))
        macs = head.macs / context
        assert readouts.bill(kind, width, vocabulary, context) == (head.parameters, macs, macs / block.macs * context)


@pytest.mark.parametrize("cases, right, slips", [
    (fitting._cases, fitting._choice, fitting.SLIPS),
    (lambda: [case[2:] for case in paying._cases()], paying._even, paying.SLIPS)], ids=["10.4", "9.4"])
def test_slips_of_the_last_exercise_are_told_apart(cases, right, slips):
    named, cases = {}, cases()
    for cause, otherwise in slips:
        answers = tuple(right(*case, **otherwise) for case in cases)
        assert named.setdefault(answers, cause) == cause
    assert tuple(right(*case) for case in cases) not in named
