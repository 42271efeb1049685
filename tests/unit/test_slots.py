"""The rule of the replay buffer, against a writing of its own that knows no ring and no use counts."""

import random
from collections import Counter

import pytest
import torch

from llcourse import timeline
from llcourse.borders import Slots
from llcourse.schedules import Asynchronous


class Shelf:
    """Batches as [number, reads], newest first."""

    def __init__(self, M, cap=None):
        self.M, self.cap, self.rows, self.made = M, cap, [], 0

    def add(self):
        self.rows = [[self.made, 0], *self.rows][: self.M]
        self.made += 1

    def get(self, authors=False):
        rows = self.rows[-1:] + self.rows[:-1] if authors and len(self.rows) == self.M else self.rows
        allowed = [row for row in rows if self.cap is None or row[1] < self.cap]
        if not allowed:
            return None
        best = sorted(allowed, key=lambda row: row[1])[0]  # stable: among equals the first
        best[1] += 1
        return self.made - 1 - best[0]


@pytest.mark.parametrize("tie", ["freshest", "authors"])
@pytest.mark.parametrize("M, cap", [(1, None), (1, 2), (2, None), (5, 3), (7, 1), (30, None)])
def test_every_read_is_the_one_that_the_shelf_gives(tie, M, cap):
    slots, shelf, rng, lags = Slots(M, tie, cap), Shelf(M, cap), random.Random(M), Counter()
    for _ in range(3000):
        if rng.random() < 0.5:
            slots.write()
            shelf.add()
        else:
            slot, lag = slots.read(), shelf.get(tie == "authors")
            assert (None if slot is None else slots.age(slot)) == lag
            lags.update([] if lag is None else [lag])
    assert slots.staleness == lags and sum(slots.reused.values()) == slots.written - min(M, slots.written)
    other = Slots(M, tie, cap)
    other.restore(slots.state())
    assert vars(other) == vars(slots)


def test_mean_staleness_over_ten_thousand_ticks():
    """Equal rates, M = 30: the authors' rule reads batches that are more than twice as old."""
    turns = Asynchronous().turns((0, 1), 5000, torch.Generator().manual_seed(0))
    means = {}
    for tie in ("freshest", "authors"):
        _, (slots,) = timeline.asynchronous(turns, K=2, M=30, tie=tie)
        shelf, total = Shelf(30), 0
        for turn in turns:
            if turn == (0,):
                shelf.add()
            else:
                total += shelf.get(tie == "authors")
        means[tie] = sum(age * n for age, n in slots.staleness.items()) / 5000
        assert means[tie] == total / 5000
    # random walks of other seeds: 2.2 to 2.6 and 5.2 to 5.7
    assert 2 < means["freshest"] < 3 and 5 < means["authors"] < 6


@pytest.mark.parametrize("S", [1, 1.2, 2.5])
def test_with_one_slot_staleness_follows_the_closed_form(S):
    """M = 1 always holds the newest batch, and the reader reads as often as it acts."""
    turns = Asynchronous((1, S)).turns((0, 1), 1000, torch.Generator().manual_seed(1))
    tasks, (slots,) = timeline.asynchronous(turns, K=2, M=1)
    acted = sum(turn == (1,) for turn in turns)
    assert slots.staleness == {0: acted} and abs(acted - 1000 / S) < 1
    assert sum(task.worker == 0 for task in tasks) == 1000


def test_a_spent_buffer_makes_its_reader_skip():
    turns = [(0,), (1,), (1,), (1,), (0,), (1,)]
    tasks, (slots,) = timeline.asynchronous(turns, K=2, M=3, reuse=2)
    assert [(t.worker, t.batch, t.start) for t in tasks] == [(0, 0, 0), (1, 0, 1), (1, 0, 2), (0, 1, 4), (1, 1, 5)]
    assert timeline.asynchronous([(1,)], K=2, M=1)[0] == []  # nothing there yet


def test_settings_that_cannot_be():
    for settings, words in (({"M": 0}, "M is 0; it is a whole number from 1 on"), ({"M": 2.0}, "M is 2.0"),
                            ({"M": 3, "tie": "LIFO"}, "tie"),
                            ({"M": 3, "reuse": 0}, "reuse is 0")):
        with pytest.raises(ValueError, match=words):
            Slots(**settings)
