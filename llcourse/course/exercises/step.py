"""Exercise 3.1: a step of DGL, and what it moves, keeps and computes from what."""

from copy import deepcopy

import torch

from ... import networks
from . import Wrong, watch


def _sgd(net):
    return [torch.optim.SGD(cell.parameters(), lr=0.05, momentum=0.9) for cell in net.cells]


def step_right(answer):
    """Wrong unless answer(body, heads, optimizers, x, y) does two batches of DGL."""
    net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(3, head="mlp").double()
    batches = [(torch.randn(8, 3, 8, 8, dtype=torch.float64), torch.randint(10, (8,))) for _ in range(2)]
    start, before, own, parts = deepcopy(net), watch.state(net), _sgd(net), net.parts()
    with watch.Runs(parts) as runs, watch.Graphs(parts) as graphs:
        try:
            for x, y in batches:
                answer(net.body, net.heads, own, x, y)
        except RuntimeError as error:
            if "backward through the graph a second time" not in str(error):
                raise
            _borders(runs)
            raise Wrong("autograd meets a graph that is already freed: call backward() once a loss") from None
    _borders(runs)
    for name in parts:
        times = runs.count(name)
        if times > len(batches):
            raise Wrong(f"{name} ran {times} times in {len(batches)} batches: its BatchNorm moves at each, and a "
                        "second output comes from weights that have stepped. Pass the first one on")
        if times < len(batches):
            raise Wrong(f"{name} ran {times} times in {len(batches)} batches: every module learns on every batch")
    if any(not run.training for run in runs) or not all(module.training for module in net.modules()):
        raise Wrong("a module ran, or was left, in eval mode; all of them learn on every batch and stay in train mode")
    moved = watch.moved(net, before)
    for part in parts:
        prefix = f"{'body' if part.startswith('module') else 'heads'}.{int(part.split()[1]) - 1}."
        if not set(watch.weights(moved)) & {name for name in moved if name.startswith(prefix)}:
            raise Wrong(f"{part} did not learn: its weights are where they were. Does its loss go back, and does its "
                        "optimizer step?")
    if watch.moved(net, _reference(start, batches)):
        for zeroed, whose in ((), ""), (("body",), " of the heads"), (("heads",), " of the modules"):
            if not watch.moved(net, _reference(start, batches, zeroed)):
                raise Wrong(f"the gradients of the batch before were still in .grad{whose}: zero_grad() before every "
                            "backward(), of all that the optimizer steps: the module and its head")
        raise Wrong("all modules moved, but to other weights than those of DGL: is every loss the plain cross-entropy "
                    "of its head's logits, and is there one step a module and batch?")
    at_once = [(name, other) for name, other in graphs.together if name.split()[1] != other.split()[1]]
    if at_once:
        name, other = at_once[0]
        raise Wrong(f"it works, weights and all, but the graph of {other} is still alive when {name} runs: so all "
                    "graphs are kept at once, as in backprop. Go back before the next module runs")


def _borders(runs):
    """Wrong if a module reads a tensor with a graph, or a head one without."""
    for run in runs:
        number = int(run.name.split()[1])
        if run.name.startswith("module") and run.reads:
            raise Wrong(f"{run.name} reads a tensor with a graph: loss {number} would go back into module "
                        f"{number - 1}. Detach what the next module reads")
        if run.name.startswith("head") and not run.reads:
            raise Wrong(f"{run.name} reads a tensor without a graph: module {number} never learns. Detach what the "
                        "next module reads, not what the head reads")


def _reference(net, batches, zeroed=("body", "heads")):
    """The state after the batches, by the package: as it should be, or with gradients that pile up elsewhere."""
    net = deepcopy(net)
    optimizers = _sgd(net)
    for x, y in batches:
        for part in zeroed:
            getattr(net, part).zero_grad()
        net.backward(x, y)
        for optimizer in optimizers:
            optimizer.step()
    return watch.state(net)
