"""Wrong answers to exercise 8.3, and right ones in another style."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from llcourse.course.solutions.ch08 import mended


def step(start=lambda embedding, x: embedding(x), up=lambda h, k, K: h.detach() if k else h,
         weight=lambda weight, k, K: weight.detach(), read=lambda norm, h: norm(h), logits=lambda logits: logits,
         loss=lambda logits, y: F.cross_entropy(logits.flatten(0, 1), y.flatten()), which=lambda norms, k: norms[k],
         shown=lambda losses: losses, run=lambda module, h: module(h)):
    """The solution of 8.3 with one of its choices made otherwise."""
    def answer(embedding, modules, norms, x, y):
        losses, h, K = [], start(embedding, x), len(modules)
        for k, module in enumerate(modules):
            h = run(module, up(h, k, K))
            made = read(which(norms, k), h) @ weight(embedding.weight, k, K).T
            losses.append(loss(logits(made), y))
        return shown(losses)
    return answer


def held(embedding, modules, norms, x, y):
    embedding.weight.requires_grad_(False)
    return mended(embedding, modules, norms, x, y)


def written(embedding, modules, norms, x, y):
    with torch.no_grad():
        embedding.weight.mul_(0.5)
    return mended(embedding, modules, norms, x, y)


def no_graph(embedding, modules, norms, x, y):
    with torch.no_grad():
        return mended(embedding, modules, norms, x, y)


def heads_without_graph(embedding, modules, norms, x, y):
    losses, h = [], embedding(x)
    for k, (module, norm) in enumerate(zip(modules, norms)):
        h = module(h.detach() if k else h)
        with torch.no_grad():
            logits = norm(h) @ embedding.weight.T
        losses.append(F.cross_entropy(logits.flatten(0, 1), y.flatten()))
    return losses


def new_layer(embedding, modules, norms, x, y):
    """A layer that shares the Parameter."""
    V, C = embedding.weight.shape
    projection = nn.Linear(C, V, bias=False)
    projection.weight = embedding.weight
    return step(weight=lambda weight, k, K: projection.weight)(embedding, modules, norms, x, y)


def trained(embedding, modules, norms, x, y):
    losses = mended(embedding, modules, norms, x, y)
    for loss in losses:
        loss.backward()
    return losses


def trained_and_cleared(embedding, modules, norms, x, y):
    losses = trained(embedding, modules, norms, x, y)
    for part in (embedding, *modules, *norms):
        part.zero_grad()
    return losses


def targets_written(embedding, modules, norms, x, y):
    losses = mended(embedding, modules, norms, x, y)
    y.zero_()
    return losses


def twice(embedding, modules, norms, x, y):
    mended(embedding, modules, norms, x, y)
    return mended(embedding, modules, norms, x, y)


def embedded_again(embedding, modules, norms, x, y):
    """The projection is of vectors that the embedding gives: the same weight once more."""
    every = torch.arange(embedding.num_embeddings)
    return step(weight=lambda weight, k, K: embedding(every))(embedding, modules, norms, x, y)


def by_linear(embedding, modules, norms, x, y):
    """The solution of 8.3 in another style: a layer of its own, with a copy."""
    projection = nn.Linear(*reversed(embedding.weight.shape), bias=False, dtype=embedding.weight.dtype)
    projection.load_state_dict({"weight": embedding.weight})
    projection.requires_grad_(False)
    losses, h = (), embedding(x)
    for module, norm in zip(modules, norms):
        h = module(h)
        losses += (F.cross_entropy(projection(norm(h)).transpose(1, 2), y),)
        h = h.detach()
    return losses


def by_copy(embedding, modules, norms, x, y):
    """And again."""
    constant = deepcopy(embedding)
    return step(weight=lambda weight, k, K: constant.weight)(embedding, modules, norms, x, y)


def by_flag(embedding, modules, norms, x, y):
    """And again: the weight asks for no gradient while a head reads it."""
    def read(norm, h):
        embedding.weight.requires_grad_(False)
        return norm(h)

    def logits(made):
        embedding.weight.requires_grad_(True)
        return made
    return step(read=read, weight=lambda weight, k, K: weight, logits=logits)(embedding, modules, norms, x, y)


def by_leaves(embedding, modules, norms, x, y):
    """And again: every module on a leaf."""
    return step(up=lambda h, k, K: h.detach().requires_grad_() if k else h)(embedding, modules, norms, x, y)


def by_view(embedding, modules, norms, x, y):
    """And again: a view that autograd does not see."""
    with torch.no_grad():
        W = embedding(torch.arange(embedding.num_embeddings))
    return step(weight=lambda weight, k, K: W)(embedding, modules, norms, x, y)


RIGHT = [by_view, by_linear, by_copy, by_flag, by_leaves, step(), step(weight=lambda weight, k, K: weight.data),
         step(weight=lambda weight, k, K: weight if k == 0 else weight.detach()),  # loss 1 may: it is its own module
         step(shown=torch.stack), step(logits=lambda made: made.float()),
         step(loss=lambda z, y: -z.log_softmax(-1).gather(-1, y[..., None]).mean())]

OWN = "it should be by loss 1 alone. A loss above module 1 has two ways"
WRONG = [
    (step(weight=lambda weight, k, K: weight), f"is trained by losses 1, 2, 3; {OWN}"),
    (step(weight=lambda weight, k, K: weight.clone()), "is trained by losses 1, 2, 3"),
    (step(weight=lambda weight, k, K: weight.detach() if k < K - 1 else weight), "is trained by losses 1, 3"),
    (step(weight=lambda weight, k, K: weight.detach() if k in (0, K - 1) else weight), "is trained by losses 1, 2;"),
    (step(weight=lambda weight, k, K: weight if k in (0, K - 1) else weight.detach()), "is trained by losses 1, 3"),
    (new_layer, "is trained by losses 1, 2, 3"), (embedded_again, "is trained by losses 1, 2, 3"),
    (step(weight=lambda weight, k, K: weight.detach() / 2 + weight / 2), "is trained by losses 1, 2, 3"),
    (step(up=lambda h, k, K: h), "module 1 is trained by losses 1, 2, 3; it should be by loss 1 alone. Features go up"),
    (step(up=lambda h, k, K: h.detach() if k < 2 and k else h), "module 2 is trained by losses 2, 3"),
    (step(up=lambda h, k, K: h.detach()), "is trained by no loss"),
    (step(start=lambda embedding, x: embedding(x).detach()), "is trained by no loss"),
    (step(up=lambda h, k, K: h.detach(), weight=lambda weight, k, K: weight.detach() if k else weight),
     "through the projection alone"),
    (step(read=lambda norm, h: norm(h.detach())), "module 1 is trained by no loss"),
    (step(read=lambda norm, h: norm(h).detach()), "no loss trains anything"),
    (step(logits=lambda made: made.detach()), "no loss trains anything"),
    (step(logits=lambda made: made.detach().requires_grad_()), "no loss trains anything"),
    (step(shown=lambda losses: [loss.detach() for loss in losses]), "no loss trains anything"),
    (no_graph, "no loss trains anything"), (heads_without_graph, "no loss trains anything"),
    (step(read=lambda norm, h: F.layer_norm(h, norm.normalized_shape, norm.weight.detach(), norm.bias.detach())),
     "norm 1 is trained by no loss"),
    (step(run=lambda module, h: torch.func.functional_call(
        module, {name: p.detach() for name, p in module.named_parameters()}, (h,))), "module 1 is trained by no loss"),
    (step(which=lambda norms, k: norms[0]), "norm 1 runs 3 times"),
    (step(which=lambda norms, k: norms[-1 - k]), "loss 1 is"), (step(read=lambda norm, h: h), "loss 1 is"),
    (step(which=lambda norms, k: lambda h: norms[0].forward(h)), "loss 2 is"),
    (held, "weights of embedding ask for no gradient any more"), (written, "weights of embedding changed"),
    (trained, "have a gradient now"), (trained_and_cleared, "leave `backward` to the caller"),
    (targets_written, "x or y changed in place"), (twice, "module 1 runs 2 times"),
    (step(run=lambda module, h: (module(h) + module(h)) / 2), "module 1 runs 2 times"),
    (step(weight=lambda weight, k, K: weight.detach().T), "its transpose takes C numbers to V logits"),
    (step(loss=lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten(), reduction="sum")), "loss 1 is"),
    (step(loss=lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten(), reduction="none")), "a loss is one number"),
    (step(up=lambda h, k, K: h.detach_() if k else h), "`detach_()` cuts what autograd has already kept"),
    (step(shown=sum), "return the list of the 3 losses"), (step(shown=lambda losses: losses[-1]), "this is a Tensor"),
    (step(shown=lambda losses: losses[::-1]), "loss 1 is"), (step(shown=lambda losses: losses[1:]), "has 2 entries"),
    (step(shown=lambda losses: [loss.item() for loss in losses]), "entry 1 is a float"),
    (step(shown=lambda losses: [sum(losses) / len(losses)] * len(losses)), "loss 1 is"),
    (step(logits=lambda made: 0.5 * made + 0.5 * made.detach()), "has another gradient for"),
]
