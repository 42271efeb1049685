"""Reconstructions: how much of the image a linear decoder finds in the features of each module."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..arguments import whole
from .outputs import Ridge, halves, outputs

PLACES = 2**17  # positions that a decoder learns on: of 128 maps of 32 x 32, of two thousand of 8 x 8
MEASURED = 256  # images


@dataclass
class Reconstructions:
    """errors: for each module the mean squared error of what its decoder makes of pixels in [0, 1].   blind: that of
    the mean pixel, which knows nothing of an image.   images: (n, H, W, 3) in [0, 1].   pictures: for each module what
    its decoder makes of these, cut off at 0 and 1."""

    errors: list
    blind: float
    images: np.ndarray
    pictures: list


def reconstruct(net, images, show=8):
    """A decoder of each module's output, learnt on one half of the test images and measured on images of the other;
    returns Reconstructions. The network has seen neither half.

    show: how many of the measured images to make pictures of, or pictures to show instead, (n, H, W, 3) of uint8.

    A decoder is linear: from the 3 x 3 features around a position to the pixels that lie there, for all positions the
    same, by ridge regression in closed form. So it is the same every time and takes seconds, and it finds what is
    plainly there; a deeper decoder finds more. The network stays as it is. Raises ValueError for fewer than four test
    images, for maps whose sides do not divide those of the images, and for pictures of another shape or dtype.

    >>> from llcourse import data, networks
    >>> made = reconstruct(networks.resnet(8, width=4).cut(3), data.load("cifar10", train=20, test=40), show=2)
    >>> len(made.errors), made.pictures[2].shape
    (3, (2, 32, 32, 3))
    """
    learn, measured = (images.test_x[half] for half in halves(images))
    measured = measured[:MEASURED]
    own = isinstance(show, (list, tuple)) or getattr(show, "ndim", 0)
    shown = _pictures(show, images.test_x) if own else measured[: whole("show", show)]
    ridges = [Ridge() for _ in net.body]

    def learnt(some, j, h):
        if ridges[j].seen < PLACES:
            ridges[j].add(_around(h), _pieces(_pixels(some), _side(j, h, some)))

    outputs(net, images, learn, learnt)
    decoders, errors, pictures = [ridge.solve() for ridge in ridges], [0.0] * len(ridges), [[] for _ in ridges]

    def decoded(some, j, h):
        pixels = _pixels(some)
        return _image(decoders[j](_around(h)), _side(j, h, some), pixels.shape[1:]), pixels

    def compared(some, j, h):
        made, pixels = decoded(some, j, h)
        errors[j] += (made - pixels).square().sum().item() / measured.numel()

    outputs(net, images, measured, compared)
    outputs(net, images, shown, lambda some, j, h: pictures[j].extend(_shown(decoded(some, j, h)[0])))
    mean = _pixels(learn).mean((0, 2, 3)).view(-1, 1, 1)
    blind = (_pixels(measured) - mean).square().mean().item()
    return Reconstructions(errors, blind, _shown(_pixels(shown)),
                           [np.array(each).reshape(-1, *images.test_x.shape[1:]) for each in pictures])


def _pictures(given, like):
    """As a tensor on the device of the images `like`. ValueError for another shape or dtype."""
    try:
        given = given if isinstance(given, torch.Tensor) else torch.from_numpy(np.array(given))
    except (TypeError, ValueError):  # no array of numbers
        given = torch.empty(0)
    if given.dtype != torch.uint8 or given.shape[1:] != like.shape[1:]:
        raise ValueError(f"pictures to show are (n, {', '.join(map(str, like.shape[1:]))}) of uint8, as the images "
                         f"are; got {tuple(given.shape)} of {str(given.dtype).removeprefix('torch.')}")
    return given.to(like.device)


def _pixels(x):
    """(n, H, W, 3) of uint8 to (n, 3, H, W) in [0, 1]."""
    return x.permute(0, 3, 1, 2).float() / 255


def _side(j, h, x):
    """Height and width of a map of module j for the images x, (n, H, W, 3)."""
    side = tuple(h.shape[2:]) or (1, 1)
    if any(of % own for of, own in zip(x.shape[1:3], side)):
        raise ValueError(f"module {j + 1} gives maps of {side[0]} x {side[1]}, which do not divide images of "
                         f"{x.shape[1]} x {x.shape[2]}: nothing can be reconstructed of them")
    return side


def _around(h):
    """(batch, C, height, width) to the 3 x 3 features around every position: (positions, 9 C)."""
    h = h.view(*h.shape, *[1] * (4 - h.dim()))
    return F.unfold(h, 3, padding=1).transpose(1, 2).flatten(0, 1)


def _pieces(pixels, side):
    """(batch, 3, H, W) to the pixels that lie at each of `side` positions: (positions, ...)."""
    squares = pixels.unflatten(3, (side[1], -1)).unflatten(2, (side[0], -1))
    return squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(0, 2)


def _image(pieces, side, shape):
    """Back from `_pieces`; shape: of an image, (3, H, W)."""
    channels, height, width = shape
    squares = pieces.view(-1, *side, channels, height // side[0], width // side[1])
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(-1, *shape)


def _shown(made):
    return made.clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
