"""The losses of an epoch."""

import weakref

import pytest
import torch

from llcourse import Recipe, losses, networks, train
from llcourse.losses import Losses
from llcourse.steps import EagerStep


def test_what_was_seen_when(monkeypatch):
    monkeypatch.setattr(losses, "ROOM", 2)
    kept = Losses(3)
    assert kept.means() == [None] * 3 and kept.nonfinite() is None
    given = [{0: 1.0, 2: 5.0}, {}, {2: 7.0}, {0: 2.0}, {0: 6.0}]
    for step in given:
        kept.add({i: torch.tensor(value, dtype=torch.float64) for i, value in step.items()})
    assert kept.taken == 5 and kept.steps == [[0, 3, 4], [], [0, 2]]
    assert kept.of(0).tolist() == [1, 2, 6] and kept.of(2).tolist() == [5, 7] and kept.of(0).dtype == torch.float64
    assert kept.means() == [3, None, 6] and kept.nonfinite() is None


def test_the_first_that_is_not_finite():
    kept = Losses(2)
    for first, second in ((1, 1), (1, float("inf")), (float("nan"), 1), (1, 1)):
        kept.add({0: torch.tensor(float(first)), 1: torch.tensor(float(second))})
    assert kept.nonfinite() == (1, 1, float("inf")) and kept.nonfinite(3) is None
    assert kept.nonfinite(2)[:2] == (2, 0)


@pytest.mark.parametrize("K", [1, 3])
def test_a_run_keeps_no_tensor_of_a_step(monkeypatch, images, K):
    """Kept ones lie in the heap where a step's large tensors were: a GPT's training took 6 MB more a step."""
    call, seen = EagerStep.__call__, []

    def watched(*given):
        assert not any(value() is not None for values in seen[:-1] for value in values)
        values = call(*given)
        seen.append([weakref.ref(value) for value in values.values()])
        return values

    monkeypatch.setattr(EagerStep, "__call__", watched)
    train(networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(K), images, 1, recipe=Recipe(batch=24))
    assert len(seen) > 2
