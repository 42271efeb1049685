"""Solutions of chapter 04."""

import torch

SOLUTIONS = {"4.1": "pick", "4.2": "keeps_a_view", "4.3": "plan"}


def pick(uses, ages, cap=None):
    if not uses or cap is not None and min(uses) >= cap:
        return -1
    return min(range(len(uses)), key=lambda slot: (uses[slot], ages[slot]))


def keeps_a_view(buffer):
    h = torch.ones(4, 3)
    buffer.put(h)
    before = buffer.take().clone()
    h.fill_(7)
    return not torch.equal(before, buffer.take())


plan = (4, [5, 5, 2])
