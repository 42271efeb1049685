"""Reconstruction: what a module hands on shall still show the image."""

import torch
import torch.nn.functional as F
from torch import nn

from ..arguments import number, one_of, several
from ..data.sets import SETS
from .upsampled import UpsampledConv2d

HIDDEN = 12  # channels between a decoder's two convolutions
OUTSIDE = 0.01  # what a pixel may be below 0 or above 1
MEAN, STD = SETS["cifar10"].mean, SETS["cifar10"].std


def full(features, image):
    """At the image's resolution: upsampled, a 3x3 convolution to 12 channels, BatchNorm, ReLU, a 3x3 convolution."""
    return _decoder(features, image, image[1:])


def own(features, image):
    """The same at the features' resolution, for the image averaged to it: at 8 x 8 a sixteenth of the work. Ours."""
    return _decoder(features, image, features[1:])


def _decoder(features, image, size):
    return nn.Sequential(UpsampledConv2d(features[0], HIDDEN, size), nn.BatchNorm2d(HIDDEN), nn.ReLU(inplace=True),
                         nn.Conv2d(HIDDEN, image[0], 3, padding=1))


DECODERS = {"full": full, "own": own}  # functions (feature shape, image shape) -> nn.Module that gives logits of pixels


class Reconstruction(nn.Module):
    """Binary cross-entropy of the pixels that a small decoder makes of h with those of the image, in [0, 1]; the mean
    over all (Wang et al. 2021, section 3.2; the decoder as in the authors' code).

    features, image: shapes, (C, H, W) each.   mean, std: with which images were normalised, per channel (default:
    CIFAR-10's here); training refuses an image set with others. Raises ValueError for images of another shape, and on a
    CPU, where looking costs no waiting, for pixels outside of 0 to 1: normalised otherwise, they would be a wrong
    target.   decoder: a name in DECODERS.   macs: the decoder's, one image's forward pass, its convolutions counted at
    the resolution at which they are written down.
    """

    def __init__(self, features, image, mean=MEAN, std=STD, decoder="full"):
        super().__init__()
        self.image = tuple(image)
        if len(self.image) != 3 or len(features) != 3:
            raise ValueError(f"a decoder makes images (C, H, W) of features (C, H, W); got {self.image} and "
                             f"{tuple(features)}")
        self.mean = tuple(number("mean", m, least=-float("inf")) for m in several("mean", mean))
        self.std = tuple(number("std", s, above=0) for s in several("std", std))
        if not len(self.mean) == len(self.std) == self.image[0]:
            raise ValueError(f"mean is {mean} and std is {std}; each is {self.image[0]} numbers, one a channel")
        self.decoder = DECODERS[one_of("decoder", decoder, DECODERS)](features, self.image)
        self.register_buffer("_mean", torch.tensor(self.mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(self.std, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    @property
    def macs(self):
        first, last = self.decoder[0], self.decoder[3]
        return (first.weight.numel() + last.weight.numel()) * first.size[0] * first.size[1]

    def forward(self, logits, record):
        if record.image.shape[1:] != self.image:
            raise ValueError(f"images are {tuple(record.image.shape[1:])}, and this reconstruction is made for "
                             f"{self.image}")
        made, pixels = self.decoder(record.h), self.pixels(record.image)
        if made.shape != pixels.shape:
            pixels = F.adaptive_avg_pool2d(pixels, made.shape[2:])
        return F.binary_cross_entropy_with_logits(made.to(pixels.dtype), pixels)

    def pixels(self, image):
        """A normalised image, (batch, C, H, W), as pixels in [0, 1]."""
        pixels = torch.addcmul(self._mean.to(image.dtype), image, self._std.to(image.dtype))
        if pixels.device.type == "cpu" and len(pixels):
            least, most = (end.item() for end in pixels.aminmax())
            if not -OUTSIDE <= least <= most <= 1 + OUTSIDE:
                raise ValueError(f"pixels go from {least:.2f} to {most:.2f} instead of 0 to 1: the images were "
                                 f"normalised by something else than mean {self.mean} and std {self.std}; "
                                 "objectives.InfoPro(mean=images.mean, std=images.std) takes theirs")
        return pixels

    def refuse_data(self, images):
        """ValueError for an image set that was normalised by other constants, or has another shape."""
        for name, here in (("mean", self.mean), ("std", self.std), ("shape", self.image)):
            there = tuple(getattr(images, name, here))
            if there != here:
                raise ValueError(f"the images' {name} is {there}, and a reconstruction was made for {here}: "
                                 "objectives.InfoPro(mean=images.mean, std=images.std) takes theirs")

    def extra_repr(self):
        return f"image={self.image}, mean={self.mean}, std={self.std}"
