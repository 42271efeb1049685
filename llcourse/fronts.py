"""Pareto fronts: of several things that cost and are good for something, those that no other makes pointless."""

from collections.abc import Mapping
from numbers import Real

from .arguments import several
from .tables import plain


def front(points, best=max):
    """The names on the front, cheapest first: none other is at least as good and costs no more.

    points: {name: (cost, quality)}: a lower cost is better.   best: max where a higher quality is, min where a lower
    one, as Score.best has it. Of points that are equal in both, all are on the front or none. Raises ValueError for a
    NaN, which is neither better nor worse than anything, and for what is no such dict.

    >>> front({"small": (1, 60), "large": (3, 70), "slow": (4, 65)})
    ['small', 'large']
    """
    if best is not max and best is not min:
        raise ValueError(f"best is {best!r}; it is max where a higher quality is better, min where a lower one is")
    if not isinstance(points, Mapping):
        raise ValueError(f"points are a dict {{name: (cost, quality)}}; got {points!r}")
    points = {name: tuple(map(plain, several(repr(name), pair))) for name, pair in points.items()}
    for name, values in points.items():
        if len(values) != 2 or not all(isinstance(value, Real) for value in values):
            raise ValueError(f"{name!r} is a pair of a cost and a quality; got {values}")
        if any(value != value for value in values):
            raise ValueError(f"{name!r} has a cost or quality that is not a number: {values}")
    left = {name: (cost, quality) for name, (cost, quality) in points.items()
            if not any(c <= cost and best(q, quality) == q and (c, q) != (cost, quality) for c, q in points.values())}
    return sorted(left, key=lambda name: left[name])
