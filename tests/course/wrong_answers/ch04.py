"""Wrong answers to the exercises of chapter 04, each with words that its message must hold."""

import numpy as np
import torch

from llcourse.course.solutions.ch04 import pick


def stalest(uses, ages, cap=None):
    return min(range(len(uses)), key=lambda s: (uses[s], -ages[s])) if uses and (cap is None or min(uses) < cap) else -1


def freshest(uses, ages, cap=None):
    return min(range(len(uses)), key=lambda s: ages[s]) if uses and (cap is None or min(uses) < cap) else -1


def most_used(uses, ages, cap=None):
    return max(range(len(uses)), key=lambda s: (uses[s], -ages[s])) if uses and (cap is None or min(uses) < cap) else -1


def blocked_by_one(uses, ages, cap=None):
    return -1 if cap is not None and max(uses, default=0) >= cap else pick(uses, ages, cap)


def same_numbers(buffer):
    h = torch.ones(4, 3)
    buffer.put(h)
    return torch.equal(buffer.take(), h)


def same_address(buffer):
    h = torch.ones(4, 3)
    buffer.put(h)
    return buffer.take().data_ptr() == h.data_ptr()


def first_image(buffer):
    h = torch.ones(4, 3)
    buffer.put(h)
    before = buffer.take().clone()
    h[0] = 7
    return not torch.equal(before, buffer.take())


def held_itself(buffer):
    h = torch.ones(4, 3)
    buffer.put(h)
    before = buffer.take()
    h.fill_(7)
    return not torch.equal(before, buffer.take())


WRONG = {
    "4.1": [(stalest, "the freshest has age"), (freshest, "the least used come first"),
            (most_used, "the least used come first"), (blocked_by_one, "does not block the others"),
            (lambda uses, ages, cap: pick(uses, ages), "all are at the cap: return -1"),
            (lambda uses, ages, cap: pick(uses, ages, cap) if uses else 0, "none is filled"),
            (lambda uses, ages, cap: -1, "There is a slot that may be read"),
            (lambda uses, ages, cap: np.int64(len(uses)), "none is filled"),
            (lambda uses, ages, cap: torch.tensor(1 + pick(uses, ages, cap)) if uses else -1, "slot")],
    "4.2": [(lambda buffer: False, "keeps the batch itself: you say False"),
            (lambda buffer: True, "clone(): you say True"),
            (same_numbers, "you say True. What it holds does not change"), (same_address, "its last image alone"),
            (first_image, "its last image alone: you say False"),
            (held_itself, "keeps the batch itself: you say False"),
            (lambda buffer: "yes", "return True or False; got 'yes'")],
    "4.3": [((4, [4, 4, 8]), "what border 1 loses, nobody above ever sees"),
            ((1, [5, 5, 2]), "who reads nothing of it"),
            ((4, [1, 1, 1]), "is well placed. There is room left"),
            ((4, [8, 1, 1]), "take 70 MiB; there is room for 64"),
            ((5, [4, 4, 8]), "one of the modules 1 to 4"), ((4, [4, 0, 8]), "M = 1 batch or more"),
            ((4, [4, 4]), "a plan is"), ([4, 4, 4, 8], "a plan is"), ((4, np.array([4, 4.5, 8])), "a whole number"),
            ((np.int64(3), torch.tensor([5, 5, 2])), "who reads nothing of it")],
}
