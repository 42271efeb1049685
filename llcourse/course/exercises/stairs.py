"""Exercise 7.2: which points are on a Pareto front."""

import random

from ...fronts import front
from . import Wrong

BY_HAND = (
    {"small": (1, 60), "large": (3, 70), "slow": (4, 65)},
    {"alone": (2, 50)},
    {"dear": (5, 70), "cheap": (1, 40), "as dear": (5, 60)},
    {"fast": (1, 60), "slow": (2, 60)},
    {"b": (2, 60), "a": (1, 50), "twin of b": (2, 60)},
)


def front_right(answer):
    """Wrong unless answer(points) gives the names on the front, cheapest first."""
    rng = random.Random(0)
    drawn = [{f"run {n}": (rng.randrange(1, 7), 10 * rng.randrange(1, 7)) for n in range(rng.randrange(2, 9))}
             for _ in range(100)]
    for points in (*BY_HAND, *drawn):
        given = answer(dict(points))
        if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
            raise Wrong(f"return a list of names, such as {front(points)} of {points}; got {given!r}")
        if fault := _fault(points, list(given)):
            raise Wrong(f"{points}: you say {given}. {fault}")


def _fault(points, given):
    right = front(points)
    for name in given:
        if name not in points:
            return f"There is no {name!r}"
        if name not in right:
            better = next(other for other, (c, q) in points.items()
                          if c <= points[name][0] and q >= points[name][1] and points[other] != points[name])
            return f"{name!r} is not on it: {better!r} costs no more and is at least as good, and they are not equal"
    if len(set(given)) < len(given):
        return "A name stands there twice"
    for name in right:
        if name not in given:
            twin = next((other for other in given if points[other] == points[name]), None)
            return (f"{name!r} is missing: {twin!r} is equal in both, which makes neither pointless" if twin else
                    f"{name!r} is missing: no other costs as little and is as good")
    if [points[name] for name in given] != [points[name] for name in right]:
        return "These are the right ones: put the cheapest first"
