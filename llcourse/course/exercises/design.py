"""Exercise 5.3: three borders with fixed features, what codes of each setting take and what they lose."""

from functools import cache

import torch
import torch.nn.functional as F

from ... import networks
from ...borders import VectorQuantizer
from . import Wrong

BATCH = 32  # images of a message
IMAGES, PASSES = 8, 5  # images whose features are coded, and steps of k-means over them: what a check has time for
CODES, GROUPS = [2**width for width in range(1, 9)], [1, 2, 4, 8, 16]
BAR = 40  # % of error to pass under, in the first room


@cache
def _features():
    """Features of blurred noise at the first three borders of an untrained ResNet-8: (IMAGES, C, H, W) each."""
    generator = torch.Generator().manual_seed(5)
    h, features = sum(F.interpolate(torch.randn(IMAGES, 3, side, side, generator=generator), size=32, mode="bilinear")
                      for side in (4, 8, 16)), []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        for block in networks.resnet(8).blocks[:-1]:
            h = block(h)
            features.append(h)
    return features


@cache
def _error(number, Kc, D):
    """Relative error in percent of what is decoded, |decoded - h| / |h|, after PASSES steps of k-means."""
    h = _features()[number]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        quantizer = VectorQuantizer(Kc, D, decay=0)
        for _ in range(PASSES):
            quantizer(h)
        return 100 * ((quantizer.eval()(h) - h).norm() / h.norm()).item()


class Crossing:
    """One border. shape: of its features; error(Kc, D): percent; nbytes(Kc, D): of a batch, codebook included."""

    def __init__(self, number):
        self.number, self.shape = number, tuple(_features()[number].shape[1:])

    def error(self, Kc, D):
        return _error(self.number, *_setting(self.number, [Kc, D]))

    def nbytes(self, Kc, D):
        return VectorQuantizer(*_setting(self.number, [Kc, D])).message_bytes(self.shape, BATCH)


def _setting(number, given):
    if not isinstance(given, list) or len(given) != 2:
        raise Wrong(f"border {number + 1} needs a pair (Kc, D); got {given}")
    if given[0] not in CODES or given[1] not in GROUPS:
        raise Wrong(f"border {number + 1} has (Kc, D) = {tuple(given)}: Kc is one of {', '.join(map(str, CODES))}, "
                    f"D one of {', '.join(map(str, GROUPS))}, in this order")
    return int(given[0]), int(given[1])


def mean_error(answer, room, bar=100):
    """Mean of the three borders' errors under the learner's choice for `room` KiB; Wrong above room or bar."""
    borders = [Crossing(number) for number in range(3)]
    given = answer(borders, 1024 * room)
    if not isinstance(given, list) or len(given) != len(borders):
        raise Wrong(f"return {len(borders)} pairs (Kc, D), one a border; got {given}")
    chosen = [_setting(number, pair) for number, pair in enumerate(given)]
    taken = [border.nbytes(*pair) for border, pair in zip(borders, chosen)]
    if sum(taken) > 1024 * room:
        raise Wrong(f"your messages take {' + '.join(f'{n:,}' for n in taken)} = {sum(taken):,} bytes a batch; there "
                    f"is room for {1024 * room:,}. Codes and codebook both count: nbytes(Kc, D) tells them")
    errors = [border.error(*pair) for border, pair in zip(borders, chosen)]
    mean = sum(errors) / len(errors)
    if mean >= bar:
        worst = errors.index(max(errors))
        raise Wrong(f"your score: {mean:.1f} % ({', '.join(f'{e:.1f}' for e in errors)}), {sum(taken):,} of "
                    f"{1024 * room:,} bytes; pass under {bar} %. Border {worst + 1} loses most: what would the same "
                    "bytes buy there, and which border would miss them least?")
    return mean
