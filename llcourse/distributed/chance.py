"""Chance: one process has one stream of random numbers, K workers have K of them, and results shall be the same."""

from contextlib import contextmanager

import torch

from ..borders import Codec


@contextmanager
def drawing_nothing(part):
    """ValueError if the block, which runs `part` of a network, draws from torch's generator."""
    before = torch.get_rng_state()
    yield
    if not torch.equal(before, torch.get_rng_state()):
        raise ValueError(f"{part} draws random numbers, as dropout does: one process has one stream of them, workers "
                         "have one each, and results would differ: leave that out, or train in one process")


def draws(border):
    """Whether a border's codec draws random numbers, and says to other workers which (`encoded_elsewhere`)."""
    codec = None if border is None else border.sends
    return codec is not None and type(codec).encoded_elsewhere is not Codec.encoded_elsewhere
