"""Guests for the doors through which methods come: wirings, borders, modules that the tests try them with."""

import torch

from llcourse import Recipe, networks, wiring
from llcourse.borders import Border, Sample
from llcourse.wiring import IMAGE, Wiring

PLAIN = Recipe(batch=24, lr=0.05, augment=False)
SKIP = Wiring(((IMAGE,), (0, IMAGE)), ((0,), (1,)))  # module 2 also sees the image


def batch(n=6, channels=3, classes=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, channels, 4, 4, generator=generator).double(), torch.arange(n) % classes


def normalised(pixels):
    """Pixels in [0, 1] as CIFAR-10's images are normalised."""
    mean, std = (torch.tensor(each).view(3, 1, 1).to(pixels.dtype) for each in (
        (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)))
    return (pixels - mean) / std


def weights(net):
    return {name: t.clone() for name, t in net.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Eights:
    """Just enough of an image set."""

    train_size, standin, device = 8, True, torch.device("cpu")

    def digest(self):
        return "eights"

    def preparation(self):
        return {"images": {}}

    class score:
        name, unit = "accuracy", "%"


FIELDS = "h", "image", "y"


class OneBatchLate(Border):
    """The reader gets the batch before."""

    holds = True

    def __init__(self):
        super().__init__()
        for name in (*FIELDS, *(f"next_{field}" for field in FIELDS)):
            self.register_buffer(name, None)

    def put(self, sample):
        for field, tensor in zip(FIELDS, sample):
            setattr(self, field, getattr(self, f"next_{field}"))
            setattr(self, f"next_{field}", tensor.clone())

    def take(self):
        return None if self.h is None else Sample(self.h, self.image, self.y)


class Learnt(Border):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))


class Coarse(Border):
    def forward(self, h):
        return (4 * h).round() / 4


def late_network(border=OneBatchLate, seed=0):
    torch.manual_seed(seed)
    net = networks.sketch(wiring.chain(3), classes=4)
    net.borders = [border(), None]
    return net


class InPlace(torch.nn.Module):
    def forward(self, x):
        return x.relu_()
