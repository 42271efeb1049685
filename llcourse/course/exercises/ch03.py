"""Exercises of chapter 03: decoupled greedy learning."""

from copy import deepcopy

import torch

from llcourse import measure, networks, timeline
from llcourse import reach as reaches

from . import Wrong, exercise


@exercise("3.1", title="One backward for all losses", dots=2, minutes=10,
          why="The border, not the loop, makes a method local.",
          hints=["Walk through zip(body, heads) and collect one cross-entropy a module.",
                 "The gradient must stop between two modules, so detach what a module receives, "
                 "not what its head receives."])
def one_backward(answer):
    net = networks.resnet(8, width=4).cut(3).double()
    x, y = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.arange(4)
    losses = answer(net.body, net.heads, x, y)
    if not isinstance(losses, (list, tuple)) or len(losses) != net.K:
        raise Wrong(f"return a list of K losses, here {net.K}, one for each module; this is a {type(losses).__name__}"
                    + (f" of {len(losses)}" if isinstance(losses, (list, tuple)) else ""))

    def named(model, x, y):
        return {f"loss {i + 1}": loss for i, loss in enumerate(answer(model.body, model.heads, x, y))}

    parts = {name: part for name, part in net.parts().items() if name.startswith("module")}
    try:
        faults = measure.reach(net, (x, y), losses=named, parts=parts).differences(reaches.local(net.K))
    except ValueError:
        raise Wrong("no loss reaches any module: a head must see its module's output with the graph behind it. "
                    "Detach only what the next module receives") from None
    except RuntimeError as error:
        raise Wrong(f"autograd cannot go back from your losses ({error}). "
                    "Do you detach a loss, or work in place?") from None
    if faults:
        raise Wrong(f"the measured reach is not the identity: {faults[0]}. "
                    "The only place to detach is between two modules")
    expected = deepcopy(net)
    net.zero_grad()
    expected.zero_grad()
    sum(answer(net.body, net.heads, x, y)).backward()
    expected.backward(x, y)
    for (name, p), q in zip(net.named_parameters(), expected.parameters()):
        if p.grad is None or not (p.grad - q.grad).abs().max() <= 1e-8:
            raise Wrong(f"the reach is right, but the gradient of {name} is not the package's: is every loss the plain "
                        "cross-entropy of its head's logits?")


@exercise("3.2", title="How many workers?", dots=2, minutes=10,
          why="A worker has room for so much and no more; blocks stay in order.",
          hints=["Fill the first worker until the next block would exceed the budget, then open another.",
                 "Keep two numbers: the workers so far, at first 1, and the load of the last of them."])
def how_many_workers(answer):
    cases = {(1, 1, 1, 1): (2, 2), (3, 3, 3): (4, 3), (1, 4, 4, 1, 1): (5, 3), (7,): (7, 1), (3, 3, 1, 1): (4, 3),
             (1, 5, 1, 5, 1, 5): (6, 3), (5, 5, 1, 1): (6, 3), (4, 2, 4, 2, 4): (5, 5)}
    for costs, (budget, workers) in cases.items():
        given = answer(list(costs), budget)
        if given != workers:
            why = ("blocks cannot be split or moved to another place in the chain" if given < workers
                   else "a worker may be filled up to the budget, and the last one counts once")
            raise Wrong(f"blocks {list(costs)} with budget {budget} need {workers} workers, not {given}: {why}")


@exercise("3.3", title="Utilisation", dots=1, minutes=5,
          why="It says how much of the promised speed-up a short run pays for filling the chain.",
          hints=["Worker K starts K - 1 time units after worker 1 and then never waits.",
                 "Each worker is busy for 3 units a batch. The run lasts from the first start to worker K's end."])
def busy_share(answer):
    for K, batches in ((1, 1), (4, 1), (4, 5), (8, 20), (16, 2)):
        simulated = timeline.utilisation(timeline.simulate(reaches.local(K), batches), K)
        given = answer(K, batches)
        if not abs(given - simulated) <= 1e-9:
            raise Wrong(f"for K = {K} and {batches} batches the simulator finds {simulated:.4f}, "
                        f"your formula {given:.4f}. How long does worker K wait before its first batch, "
                        "and for how long is it busy after that?")
