"""Chapter 05's panel: what an image's features weigh as a message, and what encoding them costs."""

from functools import cache

import ipywidgets as widgets
import torch

from .. import cost, networks, plots
from ..borders import Border, Half, Int8, VectorQuantizer
from .panel import Panel, Picture

BORDERS = {"16 x 32 x 32": (16, 32, 32), "32 x 16 x 16": (32, 16, 16), "64 x 8 x 8": (64, 8, 8)}  # of CIFAR ResNets


def messages():
    """A Panel with the controls `Kc` (codes a group), `D` (channels a group) and `features` (their shape)."""
    return Panel(_draw, _say, Picture(6.5, 2.8, share="xy"),
                 Kc=widgets.SelectionSlider(options=[2**width for width in range(1, 11)], value=256),
                 D=widgets.SelectionSlider(options=[1, 2, 4, 8, 16], value=4),
                 features=widgets.Dropdown(options=list(BORDERS)))


@cache
def _block(shape):
    """MACs of a residual block on these features."""
    with torch.device("meta"):  # shapes alone matter
        return cost.count(networks.ResidualBlock(shape[0], shape[0], stride=1), shape).macs


def _bytes(codec, shape):
    """Bytes of an image, and what goes once a batch."""
    image = codec.message_bytes(shape, 2) - codec.message_bytes(shape, 1)
    return image, codec.message_bytes(shape) - image


def _draw(axes, Kc, D, features):
    shape = BORDERS[features]
    kinds = {"float32": Border(), "float16": Half(), "int8": Int8(), "codes": VectorQuantizer(Kc, D)}
    weights = {name: _bytes(codec, shape)[0] / 1024 for name, codec in kinds.items()}
    plots.draw_bars(axes, weights | {"codebook,\nonce a batch": _bytes(kinds["codes"], shape)[1] / 1024}, "{:.3g}")
    plots.named(axes, "KiB an image")


def _say(Kc, D, features):
    shape, codes = BORDERS[features], VectorQuantizer(Kc, D)
    image, codebook = _bytes(codes, shape)
    return (f"{image:,} bytes an image, {codes.compression(shape):.4g} times fewer; {codebook:,} of codebook a batch; "
            f"encoding: {100 * codes.macs(shape) / _block(shape):.1f} % of the MACs of a residual block")
