"""Exercise 9.1: the reconstruction term of a decoder's pixels, its gradients, and what else may have been computed."""

import math
from itertools import product

import torch
import torch.nn.functional as F
from torch import nn

from . import Wrong, watch
from .refusals import explained

MEAN, STD = (0.5, 0.4375, 0.375), (0.25, 0.1875, 0.3125)  # exact in either precision
SIZES = (5, 4, (8, 8), (8, 8)), (4, 6, (4, 4), (8, 8)), (2, 3, (2, 3), (4, 6))  # batch, C, features, image
EXTREME = 300.0  # logits of the last case, by about
REFUSALS = {
    "must match the size of tensor":
        "two shapes do not go together. `mean` and `std` are one number a channel, and channels are dimension 1 of the "
        "image: give them the shape (3, 1, 1)",
    "should be between 0 and 1":
        "`F.binary_cross_entropy` takes probabilities and pixels from 0 to 1: are these logits, or a normalised image? "
        "(The one `_with_logits` has the sigmoid in it)",
    "modified by an inplace operation":
        "autograd needs what the decoder gave as it was: do not write into it",
}


class _Decoder(nn.Module):
    """From (batch, C, height, width) to logits of (batch, 3, H, W)."""

    def __init__(self, C, size, scale):
        super().__init__()
        self.size, self.scale, self.mix = size, scale, nn.Conv2d(C, 3, 3, padding=1)

    def forward(self, h):
        return self.scale * self.mix(F.interpolate(h, size=self.size, mode="bilinear", align_corners=True))


def reconstruction_right(answer):
    """Wrong unless answer(decoder, h, image, mean, std) is the mean binary cross-entropy with the pixels, and has its
    gradients, also where logits are extreme."""
    for n, (batch, C, side, size) in enumerate((*SIZES, SIZES[0])):
        extreme = n == len(SIZES)
        decoder = _Decoder(C, size, 2 * EXTREME if extreme else 3.0).double()
        leaf, pixels = torch.randn(batch, C, *side, dtype=torch.float64), torch.rand(batch, 3, *size).double()
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (MEAN, STD))
        image = (pixels - _maps(mean)) / _maps(std)
        where = f"logits up to {EXTREME:g} and more: " if extreme else (
            f"features {tuple(leaf.shape)}, images {tuple(image.shape)}: ")
        leaf.requires_grad_()
        given, kept = (leaf.clone(), image.clone(), mean.clone(), std.clone()), (leaf, image, mean, std)
        with watch.Runs({"decoder": decoder}) as runs, explained(REFUSALS, where):
            said = answer(decoder, *given)
        if not runs:
            raise Wrong(where + "the decoder never ran: its logits, decoder(h), are what is compared with the image")
        for name, now, before in zip(("h", "the image", "mean", "std"), given, kept):
            if not torch.equal(now, before):
                raise Wrong(where + f"{name} changed in place, and the modules above need it as it was")
        if given[1].requires_grad:
            raise Wrong(where + "the image asks for a gradient now: it is what is to be shown, and nobody trains it")
        if not isinstance(said, torch.Tensor):
            raise Wrong(where + f"return a tensor, which carries the gradient; this is a {type(said).__name__}")
        if said.shape:
            raise Wrong(where + f"return one number, the mean over images, channels and pixels; its shape is "
                                f"{tuple(said.shape)}")
        z = decoder(leaf)
        right = _entropy(z, pixels).mean()
        if not _near(said, right):
            _refuse(where, said, right, z.detach(), given[1], mean, std, extreme)
        _trains(where, said, right, given[0], leaf, decoder)


def _maps(values):
    """One number a channel, beside (batch, 3, H, W)."""
    return values.view(-1, 1, 1)


def _entropy(z, p):
    """- p log s - (1 - p) log(1 - s), s the sigmoid of z: log s is z - log(1 + e^z), log(1 - s) is -log(1 + e^z)."""
    return torch.logaddexp(z, torch.zeros_like(z)) - p * z


def _near(given, value):
    value = value.detach()
    return bool((given.detach() - value).abs() <= 1e-6 * max(1.0, abs(value.item())))


def _refuse(where, said, right, z, image, mean, std, extreme):
    said = said.detach()
    shown = f"it is {right:.6f}, yours is {said:.6f}. "
    if extreme and not torch.isfinite(said):
        raise Wrong(where + shown + "There the sigmoid rounds to 0 or 1, and a logarithm is taken of 0. "
                    "`F.binary_cross_entropy_with_logits` never takes that of a sigmoid")
    if extreme and said < right:
        raise Wrong(where + shown + "Something cuts the loss off: `F.binary_cross_entropy` takes no logarithm below "
                    "-100, `clamp` lets none fall below a bound. What lies beyond has no gradient, and a decoder that "
                    "is far wrong stays so: compute it of the logits, `F.binary_cross_entropy_with_logits`")
    for cause, wrong in _slips(z, image, mean, std):
        if _near(said, wrong):
            raise Wrong(where + shown + cause)
    if not torch.isfinite(said):
        raise Wrong(where + shown + "A logarithm is taken of 0, or something is divided by it")
    raise Wrong(where + shown + "With p the pixel, image * std + mean, and s the sigmoid of the logit it is "
                "- p log s - (1 - p) log(1 - s), and of that the mean over all")


def _slips(z, image, mean, std):
    """(what was done, what comes out): first one slip at a time, then one in the target and one in the loss."""
    targets, losses = _targets(image, _maps(mean), _maps(std)), _losses()
    pairs = [(t, loss) for t, loss in product(targets, losses) if targets[0] is t or losses[0] is loss]
    pairs += [(t, loss) for t, loss in product(targets[1:], losses[1:])]
    for (first, p), (second, loss) in pairs:
        if causes := ". ".join(filter(None, (first, second))):
            yield causes, loss(z, p)


def _targets(image, mean, std):
    of_all = "`mean` and `std` differ from channel to channel; you take {} for all"
    return [("", image * std + mean),
            ("The target is the image as the network saw it, normalised: a pixel is image * std + mean", image),
            ("The image was made by (pixel - mean) / std; you normalise it a second time, instead of going back",
             (image - mean) / std),
            ("Going back from (pixel - mean) / std, multiply by std first, then add mean; you multiply by mean and add "
             "std", image * mean + std),
            ("Without brackets `image - mean / std` divides only the mean; and what is asked for is the way back, "
             "image * std + mean", image - mean / std),
            ("The way back multiplies by std; you divide by it", image / std + mean),
            ("The way back adds the mean; you subtract it", image * std - mean),
            ("Multiply by std first, then add the mean: you do it the other way round", (image + mean) * std),
            ("The mean is not added", image * std), ("It is not multiplied by std", image + mean),
            (of_all.format("the first ones"), image * std[:1] + mean[:1]),
            (of_all.format("their means"), image * std.mean() + mean.mean()),
            ("Pixels are asked for in [0, 1], not to 255", 255 * (image * std + mean)),
            ("The target is no logit: the sigmoid is the decoder's alone", (image * std + mean).sigmoid())]


def _losses():
    def of(loss, reduce=torch.mean):
        return lambda z, p: reduce(loss(z, p))

    def per_image(losses):
        return losses.sum() / len(losses)

    def per_pixel(losses):
        return losses.sum(dim=1).mean()

    return [("", of(_entropy)),
            ("That is the sum: the mean over images, channels and pixels is asked for", of(_entropy, torch.sum)),
            ("You add up over an image's pixels: the mean is over them too", of(_entropy, per_image)),
            ("You add up over channels: the mean is over them too", of(_entropy, per_pixel)),
            ("You take the sigmoid twice: `F.binary_cross_entropy_with_logits` has one in it",
             of(lambda z, p: _entropy(z.sigmoid(), p))),
            ("That is the mean squared error; cross-entropy is asked for", of(lambda z, p: (z.sigmoid() - p).square())),
            ("That is a squared error, and of logits: cross-entropy of their sigmoid is asked for",
             of(lambda z, p: (z - p).square())),
            ("That is the mean absolute error; cross-entropy is asked for", of(lambda z, p: (z.sigmoid() - p).abs())),
            ("Its sign is turned: a loss falls where the decoder gets better", of(lambda z, p: -_entropy(z, p))),
            ("Of its two halves you have p log s alone; (1 - p) log(1 - s) is the other",
             of(lambda z, p: -p * F.logsigmoid(z))),
            ("Decoder and image have changed places: the logits come first, the target second",
             of(lambda z, p: _entropy(p, z))),
            ("Decoder and image have changed places: what the decoder makes comes first, the target second",
             of(lambda z, p: _entropy(torch.logit(p), z.sigmoid()))),
            ("It is counted in bits; the logarithm is the natural one", of(lambda z, p: _entropy(z, p) / math.log(2)))]


def _trains(where, said, right, h, leaf, decoder):
    parts = {"h": ([h], [leaf]), "the decoder": ([*decoder.parameters()],) * 2}
    for name, (here, there) in parts.items():
        came = [None] * len(here)
        if said.requires_grad:
            with explained(REFUSALS, where):
                came = torch.autograd.grad(said, here, retain_graph=True, allow_unused=True)
        if any(g is None for g in came):
            raise Wrong(where + f"the value is right, and no gradient reaches {name}, which learns nothing so. " + (
                "Detach neither h nor what is made of it" if name == "h" and said.requires_grad else
                "Leave out detach, no_grad, item and numpy"))
        for g, expected in zip(came, torch.autograd.grad(right, there, retain_graph=True)):
            if not (g - expected).abs().max() <= 1e-6 * max(1.0, expected.abs().max().item()):
                raise Wrong(where + f"the value is right, the gradient of {name} is not: something on the way is "
                                    "detached, or cut off")
