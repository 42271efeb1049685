"""The Pareto front against a definition written out, and against fronts found by eye."""

import itertools
import math
import random

import pytest

from llcourse import front


def test_found_by_eye():
    points = {"a": (1, 1), "b": (2, 3), "c": (2, 2), "d": (3, 3), "e": (4, 5), "f": (0.5, 0)}
    assert front(points) == ["f", "a", "b", "e"]


def test_of_the_same_cost_the_best_and_of_the_same_quality_the_cheapest():
    assert front({"a": (1, 1), "b": (1, 2)}) == ["b"]
    assert front({"a": (1, 1), "b": (2, 1)}) == ["a"]
    assert front({"a": (1, 1), "b": (1, 1), "c": (2, 0)}) == ["a", "b"]
    assert front({}) == [] and front({"a": (1, -1)}) == ["a"]


def test_stairs_of_random_points():
    """The front is where the running best of the qualities, from the cheapest on, rises."""
    draw = random.Random(0)
    for _ in range(200):
        points = {n: (draw.randrange(6), draw.randrange(6)) for n in range(draw.randrange(1, 12))}
        expected, best = set(), -math.inf
        for _, same in itertools.groupby(sorted(points, key=lambda n: points[n][0]), key=lambda n: points[n][0]):
            same = list(same)
            top = max(points[n][1] for n in same)
            if top > best:
                expected |= {n for n in same if points[n][1] == top}
            best = max(best, top)
        found = front(points)
        assert set(found) == expected and [points[n] for n in found] == sorted(points[n] for n in found)


def test_not_a_number_is_refused_by_name():
    with pytest.raises(ValueError, match="'slow' has a cost or quality that is not a number"):
        front({"fast": (1, 2), "slow": (math.nan, 3)})
