"""Chapter 01: backprop and its locks."""

import torch
import torch.nn.functional as F
from torch import nn

from ... import heads, measure, networks, timeline
from ... import reach as reaches
from . import Wrong, exercise, watch
from .matrices import legal
from .messages import passed_on


@exercise("1.1", title="A worker's backward", dots=2, minutes=10,
          why="Backprop needs no global graph: a worker needs the gradient of its own output, and nothing else.",
          hints=["torch.autograd.grad(output, wanted, message) starts at `output` with the gradient `message` and "
                 "returns a tuple, one gradient for each tensor of the list `wanted`.",
                 "Ask for the leaf and for all parameters in one call: a second call would find the graph freed.",
                 "The first of the gradients is what you return; assign the others to .grad, one a parameter."])
def worker_backward(answer):
    passed_on(answer)


@exercise("1.2", title="Bytes kept for backward", dots=2, minutes=10, numbers=True,
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
        if not isinstance(said, (int, float)):
            raise Wrong(f"return one number; got {said}")
        if not abs(said / meter.peak - 1) <= 0.05:
            raise Wrong(f"batch {batch}, channels {channels}, size {size}: autograd keeps {meter.peak:,} bytes, "
                        f"you have {said:,}; {_missing(said, meter.peak, batch, channels, size)}")
        del kept_alive


def _missing(said, exact, batch, channels, size):
    slips = {4: "a float32 number takes 4 bytes", batch: "that is one image; the batch keeps them for all",
             size: "a map has size * size positions", 2**10: "that is in KiB; bytes are asked for",
             2**20: "that is in MiB; bytes are asked for", 10**6: "that is in MB; bytes are asked for"}
    for factor, slip in slips.items():
        if abs(factor * said / exact - 1) < 0.03:
            return slip
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
    with watch.Runs(parts) as runs:
        losses(net, *batch)
    for name in parts:
        if runs.count(name) != 1:
            raise Wrong(f"{name} runs {runs.count(name)} times a batch; once is enough, and all that both losses need")
    if not all(module.training for module in net.modules()):
        raise Wrong("modules are left in eval mode, in which BatchNorm ignores the batch; they are to learn, so leave "
                    "their mode alone")
    faults = measure.reach(net, batch, losses, parts).differences(reaches.chunked(4, 2)[[1, 3]])
    if faults:
        raise Wrong(f"{faults[0]}; the border between modules 2 and 3 is the one to cut, and only there")
    said, logits = losses(net, *batch), net.logits(batch[0])
    for i in (2, 4):
        if not torch.allclose(said[f"loss {i}"], F.cross_entropy(logits[i - 1], batch[1])):
            raise Wrong(f"the reach is right, but the value of loss {i} is not the cross-entropy of head {i}'s logits; "
                        f"Python counts from 0, so head {i} is heads[{i - 1}]")


@exercise("1.4", title="Foresight within a budget", dots=3, minutes=15, numbers=True,
          why="A loss further on knows more of what the network needs; time is what its gradient costs.",
          hints=["Local learning takes 3 units and interlocking, 2-wise, 6: one unit is left. Print "
                 "ll.timeline.batch_time(R) while you change a single entry, and see what a unit buys.",
                 "A worker's time is its forward pass, 2 to train and 1 for each gradient that it only hands down. "
                 "Losses that meet on their way down travel on as one message.",
                 "Not every loss is needed: leave rows 1 and 2 empty. Let loss 3 train module 1, and loss 4 module 2."])
def foresight_within_a_budget(answer):
    R = legal(answer, 5)  # of all 9,765, which were simulated one by one, 209 keep the budget, and 32 of them have 6
    time = timeline.batch_time(R)
    if time > 7:
        raise Wrong(f"a batch every {time:g} units of time; the budget is 7. Which gradient travels furthest?")
    foresight = sum(max(i - j for i in range(5) if R[i, j]) for j in range(5))
    if foresight <= 4:
        raise Wrong(f"it takes {time:g} units and the budget is kept, but its foresight is {foresight}. Interlocking, "
                    "2-wise, has 4 in 6 units: find more than that")
    return f"your score: foresight {foresight} in {time:g} units (more is better; the best known is 6)"
