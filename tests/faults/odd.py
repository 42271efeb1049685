"""Values of any type, as somebody may give them in place of the right one."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
from torch import nn

NUMBERS = [-1, 0, 1, 2, 3, 7, 40, -0.0, 0.5, 1.0, 2.5, -2.0, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"),
           True, False, 1j, Fraction(1, 3), Decimal("1.5"), Decimal("nan")]
TEXTS = ["", "no", "2", "local", "backprop", "sgd", "cpu", "_x", r"$\q$", "\udcff", "a\nb", b"bytes"]
OTHERS = [None, ..., object(), object, len, nn.Linear(2, 2), nn.Linear, lambda *given: 1, print, slice(2), range(3),
          NotImplemented]
KINDS = [np.int64, np.int8, np.uint64, np.float32, np.float16, np.bool_, np.complex64, np.array, torch.tensor,
         lambda n: torch.tensor(float(n), requires_grad=True), lambda n: np.array([n]), str]
MATRICES = [[[1, 0], [1, 1]], [[1, 0], [1]], [[1, 1], [0, 1]], [[0, 0], [0, 0]], [[2, 0], [0, 1]], [[0.5, 0], [1, 1]],
            [[float("nan"), 0], [1, 1]], [[True, False], [False, True]], [["1", "0"], ["1", "1"]], np.eye(2), np.eye(3),
            np.ones((2, 2, 2)), np.zeros((0, 0)), np.zeros((0, 3)), np.eye(2, dtype=object), np.eye(2, dtype=complex),
            np.zeros((2, 2), dtype=[("a", int)]), torch.eye(2, requires_grad=True), torch.eye(2, dtype=torch.bool),
            torch.eye(2).to_sparse(), torch.eye(2, device="meta"), [[1, None], [1, 1]], [[[1, 0], [1, 1]]]]


def value(chance, depth=0):
    """One value; chance: a random.Random."""
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(NUMBERS)
    if kind < 0.5:
        number = chance.choice([-1, 0, 1, 2, 5])
        try:
            return chance.choice(KINDS)(number)
        except (OverflowError, ValueError, TypeError):  # no such number in that kind
            return number
    if kind < 0.6:
        return chance.choice(TEXTS)
    if kind < 0.7:
        return chance.choice(OTHERS)
    if kind < 0.8 or depth > 1:
        return chance.choice(MATRICES)
    several = [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return chance.choice([lambda: several, lambda: tuple(several), lambda: iter(several),
                          lambda: (each for each in several), lambda: dict(enumerate(several)),
                          lambda: {str(n): each for n, each in enumerate(several)},
                          lambda: np.array([chance.choice(NUMBERS) for _ in several], dtype=object)])()


def replaced(chance, right):
    """The arguments `right` with one or two of them, or a part of one, put at random."""
    given = dict(right)
    for name in chance.sample(sorted(given), min(len(given), chance.choice((1, 1, 2)))):
        given[name] = _within(chance, given[name]) if chance.random() < 0.3 else value(chance)
    return given


def _within(chance, right):
    """`right` with one of its parts, or a part of that, put at random."""
    if type(right) in (list, tuple) and right:
        n = chance.randrange(len(right))
        return type(right)([*right[:n], _within(chance, right[n]), *right[n + 1:]])
    if isinstance(right, dict) and right:
        name = chance.choice(list(right))
        other = name if chance.random() < 0.7 else chance.choice(TEXTS)
        return right | {other: _within(chance, right[name])}
    return value(chance)


