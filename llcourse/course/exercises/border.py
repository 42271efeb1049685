"""Exercise 1.3: two losses and one border, and from what a wrong loss was computed."""

import torch
import torch.nn.functional as F

from ... import measure, networks
from ... import reach as reaches
from . import Wrong, watch
from .losses import named_losses

NAMES = "loss 2", "loss 4"


def cut_right(answer):
    """Wrong unless answer(body, heads, x, y) is two cross-entropies with a border between modules 2 and 3."""
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(4, head="linear")
    batch = torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3])

    def losses(model, x, y):
        return named_losses(answer(model.body, model.heads, x, y), NAMES)

    parts, every = {f"module {j + 1}": module for j, module in enumerate(net.body)}, net.parts()
    with watch.Runs(every) as runs:
        said = losses(net, *batch)
    for name in parts:
        if runs.count(name) != 1:
            raise Wrong(f"{name} runs {runs.count(name)} times a batch; once is enough, and all that both losses need")
    if not all(module.training for module in net.modules()):
        raise Wrong("modules are left in eval mode, in which BatchNorm ignores the batch; they are to learn, so leave "
                    "their mode alone")
    off = _off(net, *batch, {int(name[-1]): loss.detach() for name, loss in said.items()})
    for i, what in off.items():
        if what:
            raise Wrong(f"loss {i} is {what}; asked for is the plain cross-entropy of head {i}'s logits, and head {i} "
                        f"is heads[{i - 1}]")
    faults = measure.reach(net, batch, losses, parts).differences(reaches.chunked(4, 2)[[1, 3]])
    if faults:
        cut = {run.name for run in runs if not run.reads} - {"module 1"}
        raise Wrong(f"{faults[0]}; " + (
            "the border between modules 2 and 3 is cut, and only there, so look at what that loss is computed from"
            if cut == {"module 3"} else "the border between modules 2 and 3 is the one to cut, and only there"))
    for i in off:
        raise Wrong(f"the reach is right, but the value of loss {i} is not the cross-entropy of head {i}'s logits")


def _off(net, x, y, said):
    """{i: what it is instead, or None} of the losses that are not head i's cross-entropy."""
    outputs = [x]
    with torch.no_grad():
        for module in net.body:
            outputs.append(module(outputs[-1]))
        logits = {i: net.heads[i - 1](outputs[i]) for i in said}
        own = {i: F.cross_entropy(logits[i], y) for i in said}
        off = {}
        for i, loss in said.items():
            if not torch.allclose(loss.to(own[i]), own[i]):
                known = [*_slips(logits[i], y, own), *_mixed(net.heads, outputs[1:], y)]
                off[i] = next((what for what, value in known if torch.allclose(loss.to(value), value)), None)
    return off


def _slips(logits, y, own):
    """(what was computed, its value)"""
    yield "summed over the batch, not averaged", F.cross_entropy(logits, y, reduction="sum")
    yield "the cross-entropy of a softmax, which it applies itself", F.cross_entropy(logits.softmax(dim=1), y)
    yield "an nll_loss of logits, to which it applies no log_softmax", F.nll_loss(logits, y)
    yield "the cross-entropy times -1", -F.cross_entropy(logits, y)
    yield "the sum of both losses", sum(own.values())
    yield "the mean of both losses", sum(own.values()) / len(own)


def _mixed(heads, outputs, y):
    for k, head in enumerate(heads, start=1):
        for m, h in enumerate(outputs, start=1):
            try:
                yield f"the cross-entropy of head {k} on the output of module {m}", F.cross_entropy(head(h), y)
            except RuntimeError:  # a head of another width
                continue
