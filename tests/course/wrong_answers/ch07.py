"""Wrong answers to the exercises of chapter 07, each with words that its message must hold."""

import numpy as np

from llcourse.course.solutions.ch07 import front, idle


def of_ideal(plan, K, m):
    return {"local": 0, "ZB-H1": (K - 1) / (3 * m)}.get(plan, (K - 1) / m)


def no_zero_bubble(plan, K, m):
    return 0 if plan == "local" else (K - 1) / (m + K - 1)


def one_batch_of_local(plan, K, m):
    return (K - 1) / (3 * m + K - 1) if plan == "local" else idle(plan, K, m)


def one_worker_more(plan, K, m):
    return {"local": 0, "ZB-H1": K / (3 * m + K)}.get(plan, K / (m + K))


def forward_alone(plan, K, m):
    return 0 if plan == "local" else (K - 1) / (3 * m + K - 1)


def best_alone(points):
    return [max(points, key=lambda name: points[name][1])]


def weakly(points):
    """Only what is better in both counts: a point that costs more for the same quality stays."""
    kept = [n for n, (c, q) in points.items() if not any(d < c and r > q for d, r in points.values())]
    return sorted(kept, key=lambda name: points[name])


def one_of_twins(points):
    kept, best = [], float("-inf")
    for name in sorted(points, key=lambda name: (points[name][0], -points[name][1])):
        if points[name][1] > best:
            kept.append(name)
            best = points[name][1]
    return kept


def running_best_with_ties(points):
    kept, best = [], float("-inf")
    for name in sorted(points, key=lambda name: (points[name][0], -points[name][1])):
        if points[name][1] >= best:
            kept.append(name)
            best = points[name][1]
    return kept


FAST, SLOW = (8, 8, 8, "ZB-H1"), (8, 3, 4, "GPipe")

WRONG = {
    "7.1": [(of_ideal, "the share is of all its time"), (no_zero_bubble, "fills most of its waiting"),
            (one_batch_of_local, "nobody waits"), (one_worker_more, "not 4"),
            (forward_alone, "which takes 2"), (lambda *given: 1 - idle(*given), "in which they are busy"),
            (lambda *given: 100 * idle(*given), "in percent"), (lambda *given: [idle(*given)], "one number"),
            (lambda *given: False, "one number")],
    "7.2": [(best_alone, "'small' is missing: no other costs as little"),
            (weakly, "'as dear' is not on it: 'dear' costs"),
            (one_of_twins, "which makes neither pointless"), (running_best_with_ties, "is not on it"),
            (lambda points: front(points)[::-1], "put the cheapest first"),
            (lambda points: sorted(front(points)), "put the cheapest first"),
            (lambda points: list(points), "'slow' is not on it: 'large' costs no more"),
            (lambda points: front(points) * 2, "twice"), (lambda points: [], "'small' is missing"),
            (lambda points: {name: points[name] for name in front(points)}, "return a list of names"),
            (lambda points: [points[name] for name in front(points)], "return a list of names")],
    "7.3": [([FAST, FAST], "a gradient that comes down through all workers pays"),
            ([SLOW, SLOW], "messages cost nothing here"), ([FAST, (8, 1, 8, "1F1B")], "0 blocks above it"),
            ([FAST, (8, 2, 8, "1F1B")], "2 blocks above it"),
            ([(4, 4, 4, "GPipe"), SLOW], "keeps 12.8 MiB; there is room for 8"),
            ([FAST, (8, 3, 16, "1F1B")], "fewer and larger ones"),
            ([(8, 8, 8, "1F1B"), (8, 5, 4, "GPipe")], "how few"),
            ([(4, 4, 8, "ZB-H1"), SLOW], "more workers are free"),
            ([FAST, (4, 2, 8, "ZB-H1")], "more workers are free"),
            ([(8, 8, 16, "1F1B"), SLOW], "how long workers wait"),
            ([FAST], "give two plans"), (FAST, "give two plans"), ([FAST, (8, 3, 4)], "a plan is (K, N"),
            ([FAST, (8, 3, 4, "gpipe")], "pipeline is one of"), ([FAST, (8, 3, 3, "GPipe")], "micro is one of"),
            ([FAST, (16, 3, 4, "GPipe")], "K is one of"), ([(8, 9, 8, "ZB-H1"), SLOW], "N is a whole number"),
            ([FAST, (8, 3.5, 4, "GPipe")], "N is a whole number"), ([FAST, ("a", 3, 4, "GPipe")], "whole numbers"),
            (np.array([[8, 8, 8], [8, 3, 4]]), "give two plans")],
}
