"""Exercise 8.3: which loss trains what in a language model whose heads multiply by the embedding's weight."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from . import Wrong, watch
from .refusals import explained

V, C = 11, 6  # vocabulary and width
SIZES = (3, 2, 5), (1, 3, 4), (2, 3, 4), (4, 2, 3)  # modules, batch, context
NEAR = 1e-5  # also for who computes in float32
REFUSALS = {
    "modified by an inplace operation":
        "autograd needs a tensor as it was, and you write into it",
    "backward through the graph a second time":
        "the graph is gone: return the losses, and leave `backward` to the caller",
    "detached in-place":
        "`detach_()` cuts what autograd has already kept; `detach()` makes a tensor that shares the values",
    "leaf Variable that requires grad":
        "you write into weights: they are read here, an optimizer changes them",
    "cannot be multiplied":
        "two shapes do not go together: the embedding's weight is (V, C), its transpose takes C numbers to V logits",
    "must match the size of tensor":
        "two shapes do not go together: the embedding's weight is (V, C), its transpose takes C numbers to V logits",
}


class _Module(nn.Module):
    """(B, T, C) -> (B, T, C); of a position and those before, as a transformer block is."""

    def __init__(self):
        super().__init__()
        self.norm, self.mix, self.out = nn.LayerNorm(C), nn.Linear(C, 2 * C), nn.Linear(2 * C, C)

    def forward(self, h):
        before = h.cumsum(1) / torch.arange(1, h.shape[1] + 1, dtype=h.dtype).view(-1, 1)
        return h + self.out(F.gelu(self.mix(self.norm(before))))


class _Net(nn.ModuleDict):
    """Embedding, K modules and a norm for the head of each, in float64."""

    def __init__(self, K):
        super().__init__({"embedding": nn.Embedding(V, C)} | {f"module {k}": _Module() for k in range(1, K + 1)}
                         | {f"norm {k}": nn.LayerNorm(C) for k in range(1, K + 1)})
        for p in self.parameters():
            nn.init.normal_(p, std=0.7)
        self.K = K
        self.double()

    def all(self, kind):
        return [self[f"{kind} {k}"] for k in range(1, self.K + 1)]

    def losses(self, x, y, first=lambda weight: weight.detach()):
        """Of every module, local. first: how the first head reads the embedding's weight."""
        weight, h, losses = self["embedding"].weight, self["embedding"](x), []
        for k, (module, norm) in enumerate(zip(self.all("module"), self.all("norm"))):
            h = module(h.detach() if k else h)
            logits = norm(h) @ (weight.detach() if k else first(weight)).T
            losses.append(F.cross_entropy(logits.flatten(0, 1), y.flatten()))
        return losses


def mended_right(answer):
    """Wrong unless answer(embedding, modules, norms, x, y) returns the listing's losses, such that loss k trains
    module k and norm k alone, and loss 1 the embedding with module 1."""
    for K, B, T in SIZES:
        net, where = _Net(K), f"K = {K}: "
        x, y = torch.randint(V, (B, T)), torch.randint(V, (B, T))
        truth, given = deepcopy(net), (x.clone(), y.clone())
        right = truth.losses(x, y)
        with watch.Runs(dict(net)) as runs, explained(REFUSALS, where):
            losses = answer(net["embedding"], net.all("module"), net.all("norm"), *given)
        if isinstance(losses, torch.Tensor) and losses.dim() == 1:  # stacked
            losses = list(losses)
        _of_right_kind(where, losses, K)
        _untouched(where, net, truth, given, (x, y))
        for name in net:
            if runs.count(name) > 1 and name != "embedding":  # which costs nothing
                raise Wrong(where + f"{name} runs {runs.count(name)} times: a step pays for it once")
        for k, (loss, expected) in enumerate(zip(losses, right), 1):
            if not (loss - expected).abs() <= NEAR * max(1, expected):
                raise Wrong(where + f"loss {k} is {loss.item():.5f}, in the listing {expected.item():.5f}: the forward "
                                    "pass is right there, and stays as it is")
        with explained(REFUSALS, where):
            trained = _gradients(net, losses)
        if leak := _leak(trained, net):
            raise Wrong(where + leak)
        tied = _gradients(truth, truth.losses(x, y, first=lambda weight: weight))
        _as_autograd(where, trained, _gradients(truth, right), tied[1, "embedding"])


def _of_right_kind(where, losses, K):
    asked = where + f"return the list of the {K} losses, tensors with their graphs; "
    if not isinstance(losses, (list, tuple)):
        raise Wrong(asked + f"this is a {type(losses).__name__}")
    if len(losses) != K:
        raise Wrong(asked + f"this has {len(losses)} entries")
    for k, loss in enumerate(losses, 1):
        if not isinstance(loss, torch.Tensor):
            raise Wrong(asked + f"entry {k} is a {type(loss).__name__}")
        if loss.shape:
            raise Wrong(where + f"entry {k} has shape {tuple(loss.shape)}; a loss is one number, the mean over all "
                                "bytes")


def _untouched(where, net, truth, given, kept):
    if not all(torch.equal(*pair) for pair in zip(given, kept)):
        raise Wrong(where + "x or y changed in place")
    for (name, p), before in zip(net.named_parameters(), truth.parameters()):
        part = name.partition(".")[0]
        if not torch.equal(p, before):
            raise Wrong(where + f"weights of {part} changed: they are read here, an optimizer changes them")
        if p.requires_grad != before.requires_grad:
            raise Wrong(where + f"weights of {part} ask for no gradient any more. That is for good, and for every use: "
                                "one use alone is to be a constant")
        if p.grad is not None:
            raise Wrong(where + f"weights of {part} have a gradient now: leave `backward` to the caller")


def _gradients(net, losses):
    """{(k, part): its gradients of loss k, one vector}; parts that it does not reach are left out."""
    found = {}
    for k, loss in enumerate(losses, 1):
        for name, part in net.items():
            came = torch.autograd.grad(loss, list(part.parameters()), retain_graph=True, allow_unused=True) if (
                loss.requires_grad) else [None]
            if any(g is not None and g.abs().max() > 1e-9 for g in came):
                found[k, name] = torch.cat([g.flatten() for g in came if g is not None])
    return found


def _leak(trained, net):
    """What is wrong with it, None if each loss trains what is its own."""
    K = net.K
    for name in sorted(net, key=lambda name: name == "embedding"):  # its leaks last: others may be the cause
        own = 1 if name == "embedding" else int(name.split()[1])
        losses = [k for k in range(1, K + 1) if (k, name) in trained]
        if losses == [own]:
            continue
        called = "the embedding, a part of module 1," if name == "embedding" else name
        said = f"{called} is trained by {_list(losses)}; it should be by loss {own} alone. "
        if not trained:
            return "no loss trains anything: a constant is one factor of the product, not the whole of it"
        if own not in losses:
            return said + f"What stands between it and loss {own} must keep its graph"
        if name != "embedding":
            return said + "Features go up detached, as in the listing"
        return said + ("A loss above module 1 has two ways to this weight, the features and the projection. Which of "
                       "them is open?")
    return None


def _list(losses):
    return f"loss{'es' * (len(losses) > 1)} {', '.join(map(str, losses))}" if losses else "no loss"


def _as_autograd(where, trained, expected, tied):
    def near(a, b):
        return a.shape == b.shape and (a - b).abs().max() <= NEAR * max(1, b.abs().max())

    for (k, name), gradient in expected.items():
        allowed = [gradient, tied] if name == "embedding" else [gradient]
        if any(near(trained[k, name], g) for g in allowed):
            continue
        if name == "embedding" and near(trained[k, name], tied - gradient):
            raise Wrong(where + "loss 1 trains the embedding through the projection alone: what module 1 reads has "
                                "lost its graph")
        raise Wrong(where + f"values are right and each loss trains its own, but loss {k} has another gradient for "
                            f"{'the embedding' if name == 'embedding' else name}")
