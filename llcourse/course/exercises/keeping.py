"""Exercise 1.2: bytes that autograd keeps for a chain of layers, and the slips that a wrong sum shows."""

import torch
from torch import nn

from ... import heads, measure
from . import Wrong

CASES = (2, (3, 16), 8), (4, (3, 16, 32, 8), 16)  # batch, channels, size


def counted_right(answer):
    """Wrong unless answer(batch, channels, size) is, within 5 %, what is measured."""
    kept, said = [_measured(*case) for case in CASES], [answer(*case) for case in CASES]
    for given in said:
        if not isinstance(given, (int, float)):
            raise Wrong(f"return one number; got {given}")
    for (batch, channels, size), exact, given in zip(CASES, kept, said):
        if not abs(given / exact - 1) <= 0.05:
            raise Wrong(f"batch {batch}, channels {channels}, size {size}: autograd keeps {exact:,} bytes, you have "
                        f"{given:,}: {_slip(said) or _factor(given / exact)}")


def _measured(batch, channels, size):
    chain = nn.Sequential(*[layer for a, b in zip(channels, channels[1:]) for layer in heads.conv(a, b)])
    with measure.SavedBytes(chain) as meter:
        out = chain(torch.randn(batch, channels[0], size, size))
    del out
    return meter.peak


def _slip(said):
    """What was done, if one slip explains every case."""
    for slip, wrong in SLIPS.items():
        if all(abs(given / wrong(*case) - 1) < 0.015 for given, case in zip(said, CASES)):
            return slip
    return None


def _factor(times):
    if times > 1:
        return f"too much, {times:.2f} times"
    return f"too little, a share of {times:.3g}" if times > 0 else "which is no number of bytes"


def _sum(image=1, inner=2, last=2, extra=lambda channels: 0):
    """A sum of bytes that counts the image, the inner layers' channels and the last layer's so many times."""
    return lambda batch, channels, size: 4 * (batch * size**2 * (
        image * channels[0] + inner * sum(channels[1:-1]) + last * channels[-1]) + extra(channels))


def _weights(channels):
    return sum(9 * a * b for a, b in zip(channels, channels[1:]))


def _unpadded(batch, channels, size):
    return 4 * batch * (size**2 * channels[0] + sum(2 * c * (size - 2 * layer) ** 2
                                                    for layer, c in enumerate(channels[1:], start=1)))


def _scaled(by):
    return lambda batch, channels, size: _sum()(batch, channels, size) * by(batch, size)


SLIPS = {
    "a float32 number takes 4 bytes": _scaled(lambda batch, size: 1 / 4),
    "twice what is kept: a float32 number takes 4 bytes, not 8, and no tensor is kept twice":
        _scaled(lambda batch, size: 2),
    "these are bits; bytes are asked for": _scaled(lambda batch, size: 8),
    "that is one image; the batch keeps them for all": _scaled(lambda batch, size: 1 / batch),
    "a map has size * size positions": _scaled(lambda batch, size: 1 / size),
    "that is in KiB; bytes are asked for": _scaled(lambda batch, size: 2**-10),
    "that is in kB; bytes are asked for": _scaled(lambda batch, size: 1e-3),
    "that is in MiB; bytes are asked for": _scaled(lambda batch, size: 2**-20),
    "that is in MB; bytes are asked for": _scaled(lambda batch, size: 1e-6),
    "the image is missing, and the first convolution keeps it": _sum(image=0),
    "that counts the image twice: the first convolution alone keeps it": _sum(image=2),
    "a layer's input is the output of the one before: a tensor that two layers keep is stored once": _sum(inner=3),
    "a ReLU that works in place writes over BatchNorm's output: no third tensor a layer": _sum(inner=3, last=3),
    "for each layer count what its BatchNorm keeps as well as what its ReLU keeps": _sum(inner=1, last=1),
    "those are the convolutions' inputs; BatchNorm and ReLU keep tensors too": _sum(inner=1, last=0),
    "the last ReLU keeps its output too": _sum(last=1),
    "those are the layers' outputs alone; see also what BatchNorm keeps, and the image": _sum(0, 1, 1),
    "that counts the weights, which are there anyway: autograd keeps no copy of them": _sum(extra=_weights),
    "with padding 1 a map stays as large as it was; yours shrink from layer to layer": _unpadded,
}
