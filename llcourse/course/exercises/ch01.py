"""Chapter 01: backprop and its locks."""

import torch
import torch.nn.functional as F
from torch import nn

from ... import heads, measure, networks, timeline
from ... import reach as reaches
from . import Wrong, exercise


@exercise("1.1", title="Workers with a loss each", dots=2, minutes=8,
          why="The backward lock is what idles the workers; without it, only filling the chain costs time.",
          hints=["No worker waits for a gradient from above: from its first batch on, each is busy 3 units a batch.",
                 "Worker K cannot start before K - 1 forwards have passed. "
                 "How long is it from the first task to the last?",
                 "Each worker is busy 3 * batches; the whole lasts K - 1 + 3 * batches."])
def workers_with_a_loss_each(answer):
    for K, batches in [(1, 5), (4, 1), (4, 10), (8, 100)]:
        said = answer(K, batches)
        exact = timeline.utilisation(timeline.simulate(reaches.local(K), batches), K)
        if not abs(said - exact) <= 1e-9:
            advice = ("one batch alone cannot keep K workers busy: count the time until the last worker starts"
                      if said > exact else "no worker waits for a gradient from above here: only the start is lost")
            raise Wrong(f"K = {K}, batches = {batches}: the simulator has {exact:.4f}, you have {said:.4f}; {advice}")


@exercise("1.2", title="Bytes kept for backward", dots=2, minutes=10,
          why="This sum decides whether a network fits on a device, and you can do it before you build the network.",
          hints=["Each convolution keeps its input, each BatchNorm keeps its input; list the tensors of two layers.",
                 "The ReLU keeps its output, but that is the very tensor the next convolution keeps: count it once.",
                 "The image, and then two tensors a layer: "
                 "4 * batch * size**2 * (channels[0] + 2 * sum(channels[1:]))."])
def bytes_kept(answer):
    for batch, channels, size in [(2, (3, 16), 8), (4, (3, 16, 32, 8), 16)]:
        chain = nn.Sequential(*[layer for a, b in zip(channels, channels[1:]) for layer in heads.conv(a, b)])
        with measure.SavedBytes(chain) as meter:
            kept_alive = chain(torch.randn(batch, channels[0], size, size))
        said = answer(batch, channels, size)
        if not abs(said / meter.peak - 1) <= 0.05:
            raise Wrong(f"batch {batch}, channels {channels}, size {size}: autograd keeps {meter.peak:,} bytes, "
                        f"you have {said:,}; {_missing(said, meter.peak, batch, channels, size)}")
        del kept_alive


def _missing(said, exact, batch, channels, size):
    if abs(4 * said / exact - 1) < 0.05:
        return "a float32 number takes 4 bytes"
    if said > exact:
        return "a tensor that two layers keep is stored once"
    return "for each layer count what its BatchNorm keeps as well as what its ReLU keeps, and do not forget the image"


@exercise("1.3", title="Two losses and one border", dots=2, minutes=10,
          why="Every method of this course is a choice of where a detach() stands and which losses are computed.",
          hints=["Run modules 1 and 2, and compute the first loss from their output.",
                 "Module 3 gets the same output, but as a plain value: h.detach().",
                 "The order matters: head 2 reads h before the detach(), module 3 reads it after."])
def two_losses_one_border(answer):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(4, head="linear")
    batch = torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3])

    def losses(model, x, y):
        named = answer(model.body, model.heads, x, y)
        if not isinstance(named, dict) or set(named) != {"loss 2", "loss 4"}:
            raise Wrong(f'return {{"loss 2": ..., "loss 4": ...}}; got {named}')
        for name, loss in named.items():
            if not loss.requires_grad:
                raise Wrong(f"{name} is cut off from every parameter: the detach() stands in its own way")
        return {name: named[name] for name in ("loss 2", "loss 4")}

    parts = {f"module {j + 1}": module for j, module in enumerate(net.body)}
    faults = measure.reach(net, batch, losses, parts).differences(reaches.chunked(4, 2)[[1, 3]])
    if faults:
        raise Wrong(f"{faults[0]}; the border between modules 2 and 3 is the one to cut, and only there")
    said, logits = losses(net, *batch), net.logits(batch[0])
    for i in (2, 4):
        if not torch.allclose(said[f"loss {i}"], F.cross_entropy(logits[i - 1], batch[1])):
            raise Wrong(f"the reach is right, but the value of loss {i} is not the cross-entropy of head {i}'s logits; "
                        f"Python counts from 0, so head {i} is heads[{i - 1}]")
