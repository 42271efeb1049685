"""Answers to the exercises of chapter 00 that a learner might give, and words that the message must hold."""

import numpy as np
import torch
import torch.nn.functional as F

from llcourse import reach


def measured(losses, modules, one):
    return [[int(one(loss, module)) for module in modules] for loss in losses]


def leftovers(losses, modules):
    def one(loss, module):
        if loss.requires_grad:
            loss.backward(retain_graph=True)
        return any(p.grad is not None for p in module.parameters())
    return measured(losses, modules, one)


def cleared(losses, modules):
    def one(loss, module):
        module.zero_grad()
        return leftovers([loss], [module])[0][0]
    return measured(losses, modules, one)


def by_size(losses, modules):
    def one(loss, module):
        got = grads(loss, module) if loss.requires_grad else []
        return any(g is not None and g.abs().sum() > 0 for g in got)
    return measured(losses, modules, one)


def grads(loss, module, **options):
    return torch.autograd.grad(loss, list(module.parameters()), **({"retain_graph": True, "allow_unused": True}
                                                                   | options))


def graph_freed(losses, modules):
    return measured(losses, modules, lambda loss, m: any(g is not None for g in grads(loss, m, retain_graph=False)))


def all_used(losses, modules):
    return measured(losses, modules, lambda loss, m: any(g is not None for g in grads(loss, m, allow_unused=False)))


def graph_expected(losses, modules):
    return measured(losses, modules, lambda loss, m: any(g is not None for g in grads(loss, m)))


def every_parameter(losses, modules):
    return measured(losses, modules, lambda loss, m: all(g is not None for g in grads(loss, m)))


def right(losses, modules):
    return measured(losses, modules,
                    lambda loss, m: loss.requires_grad and any(g is not None for g in grads(loss, m)))


def transposed(losses, modules):
    return np.array(right(losses, modules)).T


def evaluated(losses, modules):
    for module in modules:
        module.eval()
    return right(losses, modules)


def left_training(losses, modules):
    for module in modules:
        module.train()
    return right(losses, modules)


def frozen(losses, modules):
    R = right(losses, modules)
    for module in modules:
        module.requires_grad_(False)
    return R


def cleans_up(losses, modules):
    for module in modules:
        module.zero_grad()
    return right(losses, modules)


def sealed(model, x, y, cut, head=lambda h: h, read=lambda outputs: outputs):
    """Losses of the dense model: `cut` on all that a block reads from others, `head` on what a head reads."""
    outputs, losses = [model.stem(x)], {}
    for j, block in enumerate(model.blocks):
        inputs = outputs if j == 0 else [cut(k, h) for k, h in enumerate(outputs)]
        h = block(torch.cat(read(inputs), 1))
        outputs.append(h)
        losses[f"loss {j + 1}"] = F.cross_entropy(model.heads[j](head(h)), y)
    return losses


def cut_all(k, h):
    return h.detach()


def leaking(model, x, y):
    return sealed(model, x, y, cut=lambda k, h: h)


def stem_forgotten(model, x, y):
    return sealed(model, x, y, cut=lambda k, h: h.detach() if k else h)


def cut_for_the_head(model, x, y):
    return sealed(model, x, y, cut_all, head=torch.Tensor.detach)


def stem_cut_too_early(model, x, y):
    outputs = [model.stem(x).detach()]
    losses = {}
    for j, block in enumerate(model.blocks):
        outputs.append(block(torch.cat([h.detach() for h in outputs], 1)))
        losses[f"loss {j + 1}"] = F.cross_entropy(model.heads[j](outputs[-1]), y)
    return losses


def paths_removed(model, x, y):
    return sealed(model, x, y, cut_all, read=lambda inputs: [0 * h for h in inputs[:-1]] + inputs[-1:])


def loss_detached(model, x, y):
    return {name: loss.detach() if name == "loss 2" else loss for name, loss in leaking(model, x, y).items()}


def computed_twice(model, x, y):
    losses = {}
    for j in range(len(model.blocks)):
        with torch.set_grad_enabled(j == 0):
            outputs = [model.stem(x)]
            for block in model.blocks[:j]:
                outputs.append(block(torch.cat(outputs, 1)))
        h = model.blocks[j](torch.cat(outputs, 1))
        losses[f"loss {j + 1}"] = F.cross_entropy(model.heads[j](h), y)
    return losses


def in_eval_mode(model, x, y):
    return sealed(model.eval(), x, y, cut_all)


def through_python(model, x, y):
    """Values leave the graph where no cut is counted."""
    def border(h):
        return torch.tensor(h.tolist(), dtype=h.dtype)
    seen, losses = model.stem(x), {}
    for j, block in enumerate(model.blocks):
        h = block(seen)
        losses[f"loss {j + 1}"] = F.cross_entropy(model.heads[j](h), y)
        seen = border(torch.cat([seen, h], 1))
    return losses


def as_numbers(model, x, y):
    return {name: loss.item() for name, loss in sealed(model, x, y, cut_all).items()}


def unnamed(model, x, y):
    return list(leaking(model, x, y).values())


UPSIDE_DOWN = [[1, 1, 1, 0, 0, 0], *[[0] * 6] * 4, [0, 0, 0, 1, 1, 1]]
FULL_LAST_ROW = [[0] * 6, [0] * 6, [1, 1, 1, 0, 0, 0], [0] * 6, [0] * 6, [1] * 6]
UNEVEN = [[0] * 6, [0] * 6, [1, 1, 0, 0, 0, 0], [0] * 6, [0] * 6, [0, 0, 1, 1, 1, 1]]

WRONG = {
    "0.1": [({1}, "counted modules from 0"), ({1}, "3-wise"), ({2, 3}, "overlapping"), ({3}, "local"),
            ({1, 2}, "row 3"), (torch.tensor(1), "3-wise"), (np.array([0, 1, 0, 0]), "the row itself"), ("2", "a str")],
    "0.2": [(UPSIDE_DOWN, "lower triangular"), (reach.chunked(6, 2), "modules 3 and 6"), (FULL_LAST_ROW, "two losses"),
            (torch.tensor(UNEVEN), "three modules that end at module 3"), (reach.chunked(7, 3), "6 rows"),
            (UPSIDE_DOWN[::5], "6 rows: a loss that is not computed is a row of zeros"),
            (np.array(UPSIDE_DOWN[::5]), "a row of zeros"), (torch.tensor(UPSIDE_DOWN[::5]), "a row of zeros"),
            ([[1], [1, 1]], "equally long")],
    "0.3": [(leftovers, "an earlier loss left"), (cleared, "gradients are left in .grad"),
            (by_size, "gradient is zero"), (graph_freed, "retain_graph=True"),
            (all_used, "allow_unused=True"), (graph_expected, "no graph at all"),
            (every_parameter, "never used"), (transposed, "the other way round"), (cleans_up, "gone or changed"),
            (evaluated, "were in train mode are left in eval mode"), (frozen, "requires_grad is switched off"),
            (left_training, "were in eval mode are left in train mode")],
    "0.4": [(leaking, "loss 2 leaks into stem"), (stem_forgotten, "loss 2 leaks into stem"),
            (cut_for_the_head, "loss 1 does not reach stem"), (stem_cut_too_early, "loss 1 does not reach stem"),
            (paths_removed, "value of loss 2 changed"), (loss_detached, "no graph"),
            (computed_twice, "ran 4 times"), (in_eval_mode, "runs in eval mode"), (unnamed, "keys"),
            (through_python, "3 borders need 3 cuts and 0 can be counted"),
            (as_numbers, "loss 1 is no tensor but a float")],
}
