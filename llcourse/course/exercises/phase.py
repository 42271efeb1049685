"""Exercise 2.2: one phase of greedy training, and what moves, runs and is kept in it."""

from copy import deepcopy

import torch
import torch.nn.functional as F

from ... import networks
from . import Wrong, watch

LR = 0.1


def phase_right(answer):
    """Wrong unless answer(body, heads, j, batches) trains module j and its head, and touches nothing else."""
    batches = [(torch.randn(8, 3, 8, 8, dtype=torch.float64), torch.randint(10, (8,))) for _ in range(3)]
    for j, ready in ((2, True), (0, True), (2, False)):
        net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(4, head="mlp").double()
        net.backward(1 + 2 * batches[0][0], batches[0][1])  # averages that are not those of the batches to come
        if ready:
            net.zero_grad()
        else:
            net.eval()  # as a test leaves it, with the gradients of a step before
        _compare(answer, net, j, batches)


def _reference(net, j, batches, zeroed=True):
    """The state after the phase, as it should be, or with gradients that pile up."""
    net = deepcopy(net)
    body, heads = net.body, net.heads
    body[:j].eval(), body[j].train(), heads[j].train()
    optimizer = torch.optim.SGD([*body[j].parameters(), *heads[j].parameters()], lr=LR)
    for x, y in batches:
        with torch.no_grad():
            for module in body[:j]:
                x = module(x)
        if zeroed:
            optimizer.zero_grad()
        F.cross_entropy(heads[j](body[j](x)), y).backward()
        optimizer.step()
    return watch.state(net)


def _compare(answer, net, j, batches):
    before, start, parts = watch.state(net), deepcopy(net), net.parts()
    with watch.Runs(parts) as runs, watch.Graphs({name: parts[name] for name in list(parts)[:j]}) as graphs:
        answer(net.body, net.heads, j, batches)
    moved = watch.moved(net, before)
    own = f"module {j + 1}", f"head {j + 1}"
    for k in range(j + 1, net.K):
        if runs.count(f"module {k + 1}"):
            raise Wrong(f"j = {j}: module {k + 1} ran, which lies behind the one that learns; it has no part in this "
                        "phase")
    frozen = [name for name in moved if not name.startswith((f"body.{j}.", f"heads.{j}."))]
    if frozen and len(watch.averages(frozen)) == len(frozen):
        for k in range(net.K):
            if any(name.startswith(f"heads.{k}.") for name in frozen):
                raise Wrong(f"j = {j}: heads.{k} moved, because head {k + 1} ran: of all heads only that of module "
                            f"{j + 1} is needed, for what a frozen module hands on is its output")
        raise Wrong(f"j = {j}: {frozen[0]} moved, {len(frozen)} entries in all: in train mode BatchNorm updates its "
                    "running averages in every forward pass, whether gradients are on or off. Frozen modules are in "
                    "eval mode")
    if frozen:
        raise Wrong(f"j = {j}: {frozen[0]} moved, {len(frozen)} entries in all: only module j and head j may learn; "
                    "give the optimizer their parameters, no others")
    if graphs.built:
        raise Wrong(f"j = {j}: nothing moved that should not, but {graphs.built[0]} built a graph and kept tensors "
                    "for it: cut before the forward pass of the frozen modules (no_grad), not behind it")
    for name in own:
        if not runs.count(name):
            raise Wrong(f"j = {j}: {name} never ran; j counts from 0, as in body[j]")
        if any(run.name == name and not run.training for run in runs):
            raise Wrong(f"j = {j}: {name} ran in eval mode, in which BatchNorm does not look at the batch; what learns "
                        "is in train mode, whatever mode it was left in")
        if runs.count(name) != len(batches):
            raise Wrong(f"j = {j}: {len(batches)} batches, one pass over them, and {name} ran {runs.count(name)} times")
    weights = set(moved) - set(watch.averages(moved))
    for prefix, name in zip((f"body.{j}.", f"heads.{j}."), own):
        if not any(entry.startswith(prefix) for entry in weights):
            raise Wrong(f"j = {j}: {name} did not learn: its weights are where they were. Does the optimizer have its "
                        "parameters, and does a gradient reach them?")
    if not watch.moved(net, _reference(start, j, batches)):
        return
    if not watch.moved(net, _reference(start, j, batches, zeroed=False)):
        raise Wrong(f"j = {j}: gradients of earlier batches were still in .grad: zero_grad() before every backward()")
    raise Wrong(f"j = {j}: the right modules moved, but to other weights than SGD with lr = {LR} on the cross-entropy "
                "of head j, one step a batch. zero_grad() before every backward(), the first included; the frozen "
                "modules in order")
