"""What modules hand on, of images that the network has not learnt from."""

import torch

from ..routes import forward
from ..walk import Walk

BATCH = 100


class _Outputs(Walk):
    """The forward pass through all modules; `look(module, its output)` sees them as it goes along. No head runs."""

    def __init__(self, net, x, look):
        super().__init__(net, x)
        self.look = look

    def forward(self, step):
        super().forward(step)
        self.look(step.cell, self.outputs[step.cell].float())

    def losses(self, step):
        pass


def halves(images):
    """Indices of two halves of the test images, to learn on and to measure on: dealt out, every time the same."""
    if not hasattr(images, "test_x"):
        raise ValueError(f"what features show is measured on images, such as data.load gives; got {images!r}")
    n = len(images.test_y)
    if n < 4:
        raise ValueError("what is learnt on one half of the test images is measured on the other: that takes 4 "
                         f"images, and there are {n}")
    dealt = torch.randperm(n, generator=torch.Generator().manual_seed(0)).to(images.device)
    return dealt[: n // 2], dealt[n // 2:]


@torch.no_grad()
def outputs(net, images, x, look):
    """look(some, j, h) for each module j and some of `x` at a time, uint8 as images.test_x: h, float32, is its output
    on them in eval mode, normalised as `images` are. The network stays as it is."""
    modes = {module: module.training for module in net.modules()}
    steps = forward(net.wiring, tuple(range(len(net.heads))))
    try:
        net.eval()
        for some in x.split(BATCH):
            _Outputs(net, images.normalize(some), lambda j, h, some=some: look(some, j, h)).run(steps)
    finally:
        for module, mode in modes.items():
            module.training = mode


class Ridge:
    """Linear least squares from features to targets, with a constant, in closed form: sums are gathered batch by batch,
    then solved in float64.

    What is added to the features' second moments, `SHARE` of their mean, keeps weights small where features hardly
    vary.
    """

    SHARE = 1e-3

    def __init__(self):
        self.seen, self.within, self.across = 0, 0.0, 0.0

    def add(self, features, targets):
        """features: (examples, d); targets: (examples, t)."""
        a = _with_one(features)
        self.seen += len(a)
        self.within = self.within + (a.T @ a).double()
        self.across = self.across + (a.T @ targets).double()

    def solve(self):
        """Returns a function from features to targets."""
        within, moments = self.within.clone(), self.within.diagonal()[:-1]
        within.diagonal()[:-1] += self.SHARE * moments.mean() + 1e-6  # the constant is free
        weight = torch.linalg.solve(within, self.across).float()
        return lambda features: _with_one(features) @ weight


def _with_one(features):
    return torch.cat([features, features.new_ones(len(features), 1)], dim=1)
