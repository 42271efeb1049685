"""The augmentation of CIFAR training, for a whole batch at once on the images' device."""

import torch

from ..arguments import flag, one_of

PAD = 4  # pixels of border, as in He et al. 2015 (Deep residual learning, section 4.2), who pad with zeros
PADDINGS = ("reflect", "zeros")  # what the border holds: mirrored pixels, or black


def augment(x, generator, padding="reflect", flip=True):
    """Pad each image by 4 pixels, crop it back to its size at a random place, flip half of them if they may be.

    x: uint8 (N, H, W, 3), H and W at least 5; returns the same. `generator`: a torch.Generator on x's device.
    padding: in PADDINGS. Raises ValueError for anything else.
    """
    one_of("padding", padding, PADDINGS)
    if not isinstance(x, torch.Tensor) or x.dtype != torch.uint8 or x.dim() != 4 or min(x.shape[1:3]) <= PAD:
        given = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise ValueError(f"x is {given}; augmented are uint8 images (N, H, W, 3), H and W above {PAD}")
    check_chance(generator, x.device)
    places = torch.randint(0, 2 * PAD + 1, (2, len(x)), generator=generator, device=x.device)
    flips = torch.randint(0, 2 if flag("flip", flip) else 1, (len(x),), generator=generator, device=x.device)
    return crop_and_flip(x, places[0], places[1], flips.bool(), padding)


def check_chance(generator, device):
    """Raise ValueError unless `generator` is a torch.Generator on `device`: without one, torch takes its global one."""
    if not isinstance(generator, torch.Generator) or generator.device.type != device.type:
        where = f" on {generator.device}" if isinstance(generator, torch.Generator) else ""
        raise ValueError(f"generator is {generator!r}{where}; it is a torch.Generator on {device}")


def crop_and_flip(x, top, left, flip, padding="reflect"):
    """The augmentation at given places: top, left in 0..8, flip bool, each (N,).

    No padded image is made: a border pixel is its mirror pixel's index, a flip is reversed columns, and what
    is left is one gather of pixels. Zeros are written over the mirrored border.
    """
    n, height, width, channels = x.shape
    columns = torch.arange(width, device=x.device)
    columns = torch.where(flip[:, None], width - 1 - columns, columns) + left[:, None] - PAD
    rows = torch.arange(height, device=x.device) + top[:, None] - PAD
    first = height * torch.arange(n, device=x.device)[:, None]
    pixels = (_reflected(rows, height) + first)[:, :, None] * width + _reflected(columns, width)[:, None, :]
    cropped = x.reshape(-1, channels).index_select(0, pixels.view(-1)).view(x.shape)
    if padding == "zeros":
        cropped *= (_inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :])[..., None]
    return cropped


def _reflected(index, size):
    """Indices outside 0..size-1 mirrored at the edge pixels: -1 is 1, size is size - 2."""
    return (size - 1) - ((size - 1) - index.abs()).abs()


def _inside(index, size):
    return (index >= 0) & (index < size)
