"""DGL's training step against one written in plain PyTorch, in float64, five steps long.

Nothing of the package computes in the second one: networks, heads, BatchNorm, cross-entropy, momentum and weight decay
are formulas here, and every module is stepped before the next one reads, as in the authors' code. Only the initial
weights are taken over. Differences stay at the rounding of float64: 1e-15 on the ResNet, 1e-13 under the mlp-sr heads,
whose seven BatchNorms over few values magnify it.
"""

import math

import pytest
import torch
import torch.nn.functional as F

from llcourse import Recipe, networks
from llcourse.steps import EagerStep

MOMENTUM, LRS = 0.9, [0.05, 0.1, 0.08, 0.03, 0.01]  # one learning rate a step


class ByHand:
    """One module and its head: `forward(weights, x)` returns its output and logits, and calls for weights in order."""

    def __init__(self, forward, part, head, weight_decay, nesterov):
        self.forward, self.weight_decay, self.nesterov = forward, weight_decay, nesterov
        self.weights = [p.detach().clone().requires_grad_() for layer in (part, head) for p in layer.parameters()]
        self.velocity = [torch.zeros_like(p) for p in self.weights]
        self.means = [b.clone() for layer in (part, head) for n, b in layer.named_buffers() if n.endswith("_mean")]
        self.variances = [torch.ones_like(mean) for mean in self.means]

    def next(self):
        self.used += 1
        return self.weights[self.used - 1]

    def batchnorm(self, x):
        """Ioffe and Szegedy (2015), algorithm 1, over all but the channels; running variance unbiased, as PyTorch's."""
        over, n, form = [d for d in range(x.dim()) if d != 1], x.numel() // x.shape[1], [1, -1] + [1] * (x.dim() - 2)
        mean = x.mean(over)
        variance = ((x - mean.view(form)) ** 2).mean(over)
        for kept, seen in ((self.means, mean), (self.variances, variance * n / (n - 1))):
            kept[self.normed] = 0.9 * kept[self.normed] + 0.1 * seen.detach()
        self.normed += 1
        scale, shift = self.next(), self.next()
        return (x - mean.view(form)) / torch.sqrt(variance.view(form) + 1e-5) * scale.view(form) + shift.view(form)

    def conv(self, x, stride=1):
        weight = self.next()
        return self.batchnorm(F.conv2d(x, weight, None, stride, weight.shape[-1] // 2))

    def linear(self, x):
        return x @ self.next().T + self.next()

    def hidden(self, x):
        return torch.clamp(self.batchnorm(x @ self.next().T), min=0)

    def step(self, x, y, lr):
        """Returns the module's output for the next one, the loss and the gradients."""
        self.used = self.normed = 0
        h, logits = self.forward(self, x)
        loss = (torch.logsumexp(logits, 1) - logits[torch.arange(len(y)), y]).mean()
        gradients = torch.autograd.grad(loss, self.weights)
        assert self.used == len(self.weights) and self.normed == len(self.means)
        with torch.no_grad():
            for p, v, g in zip(self.weights, self.velocity, gradients):
                g = g + self.weight_decay * p
                v.copy_(MOMENTUM * v + g)
                p -= lr * (g + MOMENTUM * v if self.nesterov else v)
        return h.detach(), loss.detach(), gradients


def relu(x):
    return torch.clamp(x, min=0)


def pool(x, side):
    """Average over squares, so that side x side are left."""
    n, c, size, _ = x.shape
    return x.view(n, c, side, size // side, side, size // side).mean((3, 5))


def halved(x):
    n, c, size, _ = x.shape
    return x.view(n, c, size // 2, 2, size // 2, 2).amax((3, 5))


def one_conv_two_fc(m, h):
    """InfoPro's 1c2f."""
    z = relu(m.conv(h, stride=2 if h.shape[-1] > 8 else 1)).mean((2, 3))
    return m.linear(relu(m.linear(z)))


def mlp(m, h, layers):
    z = pool(h, 2).flatten(1)
    for _ in range(layers):
        z = m.hidden(z)
    return m.linear(z)


def mlp_sr(m, h):
    """DGL's: a quarter of the resolution, three 1x1 convolutions, the mlp."""
    z = pool(h, math.ceil(h.shape[-1] / 4))
    for _ in range(3):
        z = relu(m.conv(z))
    return mlp(m, z, 3)


def cnn(m, h):
    """DGL's: two 3x3 convolutions, pooling, BatchNorm, a linear layer."""
    z = relu(m.conv(relu(m.conv(h))))
    return m.linear(m.batchnorm(pool(z, 2)).flatten(1))


def stem(m, x):
    return relu(m.conv(x))


def residual(stride):
    def block(m, x):
        z = m.conv(relu(m.conv(x, stride)))
        return relu(z + (m.conv(x, stride) if stride > 1 else x))
    return block


def plain(pooled):
    return lambda m, x: relu(m.conv(halved(x) if pooled else x))


def with_head(block, head):
    def forward(m, x):
        h = block(m, x)
        return h, head(m, h)
    return forward


RESNET8 = [stem, residual(1), residual(2), residual(2)]
RESNET14 = [stem, residual(1), residual(1), residual(2), residual(1), residual(2), residual(1)]
CNN6 = [plain(b in (2, 4)) for b in range(1, 7)]
CASES = {
    "resnet-8 1c2f": (lambda: networks.resnet(8, width=4).cut(4, "1c2f"), RESNET8, one_conv_two_fc,
                      lambda m, h: m.linear(h.mean((2, 3))), Recipe(weight_decay=1e-4)),
    "resnet-14 1c2f": (lambda: networks.resnet(14, width=4).cut(7, "1c2f"), RESNET14, one_conv_two_fc,
                       lambda m, h: m.linear(h.mean((2, 3))), Recipe(weight_decay=1e-4)),  # with a head on 8 x 8 maps
    "cnn6 mlp-sr": (lambda: networks.cnn6(width=4, initialisation="pytorch").cut(6, "mlp-sr"), CNN6, mlp_sr,
                    lambda m, h: mlp(m, h, 2), Recipe(nesterov=False)),
    "cnn6 mlp": (lambda: networks.cnn6(width=4, initialisation="pytorch").cut(6, "mlp"), CNN6,
                 lambda m, h: mlp(m, h, 3), lambda m, h: mlp(m, h, 2), Recipe(nesterov=False)),
    "cnn6 cnn": (lambda: networks.cnn6(width=4, initialisation="pytorch").cut(6, "cnn"), CNN6, cnn,
                 lambda m, h: mlp(m, h, 2), Recipe(nesterov=False)),
}


@pytest.mark.parametrize("case", CASES)
def test_five_steps(case):
    make, blocks, head, last, recipe = CASES[case]
    torch.manual_seed(0)
    net = make().double()
    heads = [head] * (net.K - 1) + [last]
    modules = [ByHand(with_head(*pair), *parts, recipe.weight_decay, recipe.nesterov)
               for pair, parts in zip(zip(blocks, heads, strict=True), zip(net.body, net.heads), strict=True)]
    step, differences = EagerStep(net, recipe), []
    for lr in LRS:
        x, y = torch.randn(16, 3, 32, 32).double(), torch.randint(10, (16,))
        losses = step(x, y, [lr] * net.K, net.losses)
        h = x
        for j, (module, body, own_head) in enumerate(zip(modules, net.body, net.heads)):
            h, loss, gradients = module.step(h, y, lr)
            parameters = [*body.parameters(), *own_head.parameters()]
            assert len(parameters) == len(module.weights)
            statistics = [b for layer in (body, own_head) for n, b in layer.named_buffers() if "running" in n]
            pairs = [(losses[j], loss), *zip((p.grad for p in parameters), gradients), *zip(parameters, module.weights),
                     *zip(statistics[0::2], module.means), *zip(statistics[1::2], module.variances)]
            differences += [(found.detach() - expected.detach()).abs().max().item() for found, expected in pairs]
    assert max(differences) < 1e-12  # losses, gradients, weights and statistics are about 1
