"""Wrong answers to exercise 11.2, and right ones in other styles."""

import math
from collections import Counter

import numpy as np
import torch

from llcourse.course.solutions.ch11 import wire_bytes


def crossing(k, K, N):
    """Gradients that cross border k."""
    return len(range(max(k + 1, N), min(k + N - 1, K) + 1))


def wire(size=math.prod, labels=8, count=crossing, row=lambda up, down: (up, down), rows=list, down_labels=0,
         width=lambda w: w, batch=lambda b: b, label_width=None):
    """The solution with one of its choices made otherwise."""
    def answer(shapes, b, N, w):
        K, out = len(shapes) + 1, []
        for k, shape in enumerate(shapes, 1):
            features, each = batch(b) * size(shape) * width(w), label_width(w) if label_width else labels
            out.append(row(features + each * b, count(k, K, N) * (features + down_labels * b)))
        return rows(out)
    return answer


def by_walking(shapes, batch, N, width):
    """Right: each loss walks down as far as it trains, counted border by border."""
    K, down = len(shapes) + 1, Counter()
    for loss in range(N, K + 1):
        for border in range(loss - N + 1, loss):
            down[border] += 1
    sizes = [batch * width * int(np.prod(shape)) for shape in shapes]
    return torch.tensor([[size + 8 * batch, down[k] * size] for k, size in enumerate(sizes, 1)], dtype=torch.float64)


def by_rows(shapes, batch, N, width):
    """Right: as an array of int64."""
    return np.array(wire_bytes(shapes, batch, N, width), dtype=np.int64)


RIGHT = [wire(), by_walking, by_rows, lambda *given: tuple(map(list, wire_bytes(*given)))]


def no_codes(shapes, batch, N, width):
    return {k: pair for k, pair in enumerate(wire_bytes(shapes, batch, N, width))}


def shifted(shapes, batch, N, width):
    """The gradient has the next border's shape."""
    right, sizes = wire_bytes(shapes, batch, N, width), [math.prod(s) for s in [*shapes[1:], *shapes[-1:]]]
    return [(up, crossing(k, len(shapes) + 1, N) * batch * size * width)
            for k, ((up, _), size) in enumerate(zip(right, sizes), 1)]


WRONG = [(wire(labels=0), "Labels go up too"), (wire(labels=4), "A label is an int64"),
         (wire(labels=1), "A label is an int64"), (wire(labels=64), "not in bits"),
         (wire(label_width=lambda w: w), "8 bytes"), (wire(label_width=lambda w: 8 * w), "over border 1 go"),
         (wire(down_labels=8), "No labels come down"),
         (wire(count=lambda k, K, N: min(N - 1, K - k)), "Losses 1 to N - 1 are not computed"),
         (wire(count=lambda k, K, N: min(N - 1, k)), "there are no losses above K"),
         (wire(count=lambda k, K, N: N - 1), "At both ends fewer gradients cross"),
         (wire(count=lambda k, K, N: N), "N - 1 of them, not N"),
         (wire(count=lambda k, K, N: crossing(k, K, N + 1)), "Of 4 losses, 0 lie above"),
         (wire(count=lambda k, K, N: max(0, min(k + N, K) - max(k + 1, N) + 1)), "N - 1 of them, not N"),
         (wire(count=lambda k, K, N: int(N > 1)), "cross one by one"),
         (wire(count=lambda k, K, N: 0), "wherever N is above 1"),
         (wire(count=lambda k, K, N: 1), "look at N = 1 and at N = 3"),
         (wire(count=lambda k, K, N: max(1, crossing(k, K, N))), "With N = 1 every gradient stays"),
         (wire(count=lambda k, K, N: len(range(max(k, N), min(k + N - 1, K) + 1))), "crosses no border"),
         (wire(count=lambda k, K, N: K - k), "come"), (wire(count=lambda k, K, N: k if N > 1 else 0), "come"),
         (wire(sum), "they are multiplied"), (wire(lambda s: s[0]), "leave some of the dimensions out"),
         (wire(lambda s: math.prod(s[1:])), "leave some of the dimensions out"),
         (wire(lambda s: 8 * math.prod(s)), "That counts bits"),
         (wire(batch=lambda b: 1), "of all images of the batch"),
         (wire(width=lambda w: 4), "you take 4"), (wire(width=lambda w: 1), "you count values"),
         (wire(row=lambda up, down: (down, up)), "a pair is (up, down)"),
         (wire(rows=lambda out: out[::-1]), "is reversed"),
         (wire(row=lambda up, down: up + down), "are one sum"), (wire(row=lambda up, down: up), "the bytes up alone"),
         (wire(rows=lambda out: [sum(map(sum, out))]), "this is the sum of all"),
         (wire(rows=lambda out: sum(map(sum, out))), "return a list of pairs"),
         (wire(rows=lambda out: [*out, (0, 0)]), "there are 3 borders"),
         (wire(rows=lambda out: out or [(0, 0)]), "one worker has no border"),
         (wire(row=lambda up, down: (up / 2**20, down / 2**20)), "not KiB or MiB"),
         (wire(row=lambda up, down: (up / 1000, down / 1000)), "not kB or MB"),
         (wire(row=lambda up, down: (up, down, up + down)), "border 1 has a pair"), (shifted, "shape of what it is"),
         (no_codes, "numbers are asked for")]
