"""Exercises 4.1 and 4.2: which batch a replay buffer gives, and whether what it holds is its own."""

import random

import torch

from ...borders import ReplayBuffer, Sample, Slots
from . import Wrong


def pick_right(answer):
    """Wrong unless answer(uses, ages, cap) is the slot that a replay buffer reads, in ten runs of a buffer."""
    rng = random.Random(0)
    for M, cap in ((1, None), (4, None), (7, None), (3, 2), (5, 1)):
        slots = Slots(M, reuse=cap)
        for _ in range(200):
            if rng.random() < 0.5:
                slots.write()
                continue
            uses, ages = list(slots.uses), [slots.age(s) for s in range(len(slots.uses))]
            slot = slots.read()
            given, right = answer(list(uses), list(ages), cap), -1 if slot is None else slot
            if given == right and not isinstance(given, bool):
                continue
            raise Wrong(f"uses {uses}, ages {ages}, cap {cap}: your rule reads slot {given}. " +
                        _slip(uses, ages, cap, given))


def _slip(uses, ages, cap, given):
    if not uses or cap is not None and min(uses) >= cap:
        return "No slot may be read here, none is filled or all are at the cap: return -1"
    if given == -1:
        return "There is a slot that may be read: a slot at the cap does not block the others"
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < len(uses):
        return f"Return the number of a slot, 0 to {len(uses) - 1}, or -1"
    if uses[given] > min(uses):
        return f"It was read {uses[given]} x, another only {min(uses)} x: the least used come first, at any age"
    return (f"Of the least used, its age is {ages[given]}; the freshest has age "
            f"{min(a for a, n in zip(ages, uses) if n == min(uses))}. Age 0 is the freshest")


class _Buffer:
    """What learners probe: put(h) keeps one batch in some way, take() gives it back."""

    def __init__(self, keep, give=lambda held: held):
        self._keep, self._give = keep, give

    def put(self, h):
        self._held = self._keep(h)

    def take(self):
        return self._give(self._held)


class _Packaged:
    def __init__(self):
        self._buffer = ReplayBuffer(1)

    def put(self, h):
        self._buffer.put(Sample(h, None, torch.zeros(len(h), dtype=torch.long)))

    def take(self):
        return self._buffer.take().h


BUFFERS = {  # what it does with the batch: (a function that makes one, whether it shares memory with the batch)
    "the batch itself": (lambda: _Buffer(lambda h: h), True),
    "h.detach()": (lambda: _Buffer(lambda h: h.detach()), True),
    "h.detach().clone()": (lambda: _Buffer(lambda h: h.detach().clone()), False),
    "h[:, :1], a slice": (lambda: _Buffer(lambda h: h.detach()[:, :1]), True),
    "its last image alone": (lambda: _Buffer(lambda h: h.detach()[-1:]), True),
    "h.float(), of a float32 batch": (lambda: _Buffer(lambda h: h.detach().float()), True),
    "h.half()": (lambda: _Buffer(lambda h: h.detach().half()), False),
    "its NumPy array": (lambda: _Buffer(lambda h: h.detach().numpy(), torch.from_numpy), True),
    "a view that is copied when it is taken": (lambda: _Buffer(lambda h: h.detach(), torch.clone), True),
    "a copy of which it gives a view": (lambda: _Buffer(lambda h: h.detach().clone(), lambda held: held[:]), False),
    "the package's ReplayBuffer": (_Packaged, False),
}


def probe_right(answer):
    """Wrong unless answer(buffer) is True for just those buffers that change with a batch after it was put."""
    for what, (make, shares) in BUFFERS.items():
        given = answer(make())
        if not isinstance(given, (bool, int)) or given not in (0, 1):
            raise Wrong(f"return True or False; got {given!r}")
        if bool(given) != shares:
            raise Wrong(f"a buffer that keeps {what}: you say {bool(given)}. " + (
                "What it holds changes when the batch is written to after put(). Write to all of it in place, as by "
                "h.add_(1), for h = h + 1 makes another tensor, and compare with a copy of what take() gave before: "
                "without .clone() that changes too" if shares else
                "What it holds does not change with the batch. Compare values before and after, not addresses, and "
                "not with the batch: kept values may be rounded"))
