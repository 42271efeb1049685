"""A training step of InfoPro and of ContSup against one written in plain PyTorch, in float64.

Nothing of the package computes in the second one: the network, its heads, decoders, encoders, shortcuts and losses are
written out here, on the weights of the first, called by their place. Every gradient and every buffer is compared.
"""

import pytest
import torch
import torch.nn.functional as F

from llcourse import networks

SHAPE, MEAN, STD = (3, 16, 16), (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CUTS = {4: (14, 2), 16: (32, 2)}  # of a ResNet: depth, width


def column(values):
    return torch.tensor(values).double().view(1, 3, 1, 1)


def batch(n=8):
    generator = torch.Generator().manual_seed(3)
    pixels = torch.rand(n, *SHAPE, generator=generator).double()
    return pixels, (pixels - column(MEAN)) / column(STD), torch.randint(10, (n,), generator=generator)


class Plain:
    """Weights and buffers of a network under its names; runs what is written here on them."""

    def __init__(self, net):
        self.w = {name: p.detach().clone().requires_grad_() for name, p in net.named_parameters()}
        self.b = {name: t.detach().clone() for name, t in net.named_buffers()}

    def conv(self, name, x, stride=1):
        weight = self.w[f"{name}.weight"]
        return F.conv2d(x, weight, self.w.get(f"{name}.bias"), stride, weight.shape[-1] // 2)

    def norm(self, name, x):
        """BatchNorm in train mode: biased variance for the batch, unbiased in the running average."""
        mean, n = x.mean((0, 2, 3)), x.numel() // x.shape[1]
        var = ((x - mean.view(1, -1, 1, 1)) ** 2).mean((0, 2, 3))
        for kept, seen in (("running_mean", mean), ("running_var", var * n / (n - 1))):
            self.b[f"{name}.{kept}"] = 0.9 * self.b[f"{name}.{kept}"] + 0.1 * seen.detach()
        self.b[f"{name}.num_batches_tracked"] += 1
        unit = (x - mean.view(1, -1, 1, 1)) / (var.view(1, -1, 1, 1) + 1e-5).sqrt()
        return unit * self.w[f"{name}.weight"].view(1, -1, 1, 1) + self.w[f"{name}.bias"].view(1, -1, 1, 1)

    def linear(self, name, x):
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def block(self, name, x, stem, first):
        """The stem, or a residual block; first: it halves the map."""
        if stem:
            return self.norm(f"{name}.1", self.conv(f"{name}.0", x)).clamp(min=0)
        stride = 2 if first else 1
        z = self.norm(f"{name}.residual.1", self.conv(f"{name}.residual.0", x, stride)).clamp(min=0)
        z = self.norm(f"{name}.residual.4", self.conv(f"{name}.residual.3", z))
        if first:
            x = self.norm(f"{name}.shortcut.1", self.conv(f"{name}.shortcut.0", x, 2))
        return (z + x).clamp(min=0)

    def head(self, i, h, last):
        if last:
            return self.linear(f"heads.{i}.1", h.mean((2, 3)))
        z = self.conv(f"heads.{i}.0", h, 2 if h.shape[-1] > 8 else 1)
        z = self.norm(f"heads.{i}.1", z).clamp(min=0).mean((2, 3))
        return self.linear(f"heads.{i}.6", self.linear(f"heads.{i}.4", z).clamp(min=0))

    def decoded(self, i, h):
        name = f"objectives.{i}.terms.0.decoder"
        z = F.interpolate(h, size=SHAPE[1:], mode="bilinear", align_corners=True)
        z = self.norm(f"{name}.1", self.conv(f"{name}.0", z)).clamp(min=0)
        return self.conv(f"{name}.3", z).sigmoid()

    def encoded(self, j, image, like):
        name = f"body.{j}.supply.image"
        z = self.norm(f"{name}.1", self.conv(f"{name}.0", image)).clamp(min=0)
        last = (f"{name}.3.1", f"{name}.3.0") if f"{name}.3.0.weight" in self.w else (f"{name}.4", f"{name}.3")
        return pooled(self.norm(last[0], self.conv(last[1], z)).clamp(min=0), like)

    def around(self, name, source, like):
        return pooled(self.norm(f"{name}.1", self.conv(f"{name}.0", source)).clamp(min=0), like)


def pooled(x, like):
    return F.adaptive_avg_pool2d(x, like.shape[2:])


def cross_entropy(logits, y):
    return (torch.logsumexp(logits, 1) - logits[torch.arange(len(y)), y]).mean()


def blocks_of(net, j):
    """(name, is the stem, halves the map) of each block of module j."""
    prefix = f"body.{j}.blocks" if hasattr(net.body[j], "supply") else f"body.{j}"
    module = net.body[j].blocks if hasattr(net.body[j], "supply") else net.body[j]
    return [(f"{prefix}.{n}", type(block).__name__ == "Sequential", hasattr(block, "shortcut") and len(
        list(block.shortcut.parameters())) > 0) for n, block in enumerate(module)]


def infopro_weights(K, k):
    """As published for ResNet-32, on a line from the first border to the last."""
    (a, b), (c, d) = {4: ((6, 0), (1, 2)), 16: ((5, 0.05), (0.2, 0.5))}[K]
    share = (k - 1) / (K - 2)
    return a + share * (c - a), b + share * (d - b)


def step_by_hand(net, infopro, image, residual):
    """One step: module by module on detached inputs. Returns the Plain network, its gradients, and the losses."""
    plain, (pixels, x, y), K, losses = Plain(net), batch(), net.K, []
    h, given = x, {}  # given: what modules from 2 on worked on
    for j in range(K):
        s = h.detach()
        if j and image:
            s = s + plain.encoded(j, x, h)
        if j and residual:
            if j == 1 and not image:
                s = s + plain.around(f"body.{j}.supply.image", x, h)
            elif j > 1:
                s = s + plain.around(f"body.{j}.supply.input {j}", given[j - 1].detach(), h)
        given[j] = s
        h = s
        for name, stem, first in blocks_of(net, j):
            h = plain.block(name, h, stem, first)
        loss = cross_entropy(plain.head(j, h, j == K - 1), y)
        if infopro and j < K - 1:
            made = plain.decoded(j, h)
            l1, l2 = infopro_weights(K, j + 1)
            loss = l2 * loss - l1 * (pixels * made.log() + (1 - pixels) * (1 - made).log()).mean()
        losses.append(loss)
    gradients = torch.autograd.grad(sum(losses), list(plain.w.values()), allow_unused=True)
    return plain, dict(zip(plain.w, gradients)), losses


CASES = {"InfoPro, K = 4": (4, {"objective": "infopro"}, True, False, False),
         "InfoPro, K = 16": (16, {"objective": "infopro"}, True, False, False),
         "ContSup E, K = 4": (4, {"context": "E"}, False, True, False),
         "ContSup R1, K = 4": (4, {"context": "R1"}, False, False, True),
         "ContSup R1E, K = 4": (4, {"context": "R1E"}, False, True, True),
         "ContSup R1E, K = 16": (16, {"context": "R1E"}, False, True, True),
         "ContSup E with InfoPro's loss": (4, {"context": "E", "objective": "infopro"}, True, True, False)}


@pytest.mark.parametrize("case", CASES)
def test_one_step(case):
    K, cut, *written = CASES[case]
    torch.manual_seed(0)
    depth, width = CUTS[K]
    net = networks.resnet(depth, width=width, shape=SHAPE).cut(K, "1c2f", **cut).double()
    plain, gradients, losses = step_by_hand(net, *written)
    values = net.backward(*batch()[1:])
    assert sorted(values) == list(range(K)) and all(torch.isclose(values[i], losses[i], rtol=1e-10) for i in values)
    for name, p in net.named_parameters():
        assert (p.grad - gradients[name]).abs().max() < 1e-10, name
    for name, buffer in net.named_buffers():
        assert (buffer - plain.b[name]).abs().max() < 1e-10, name
