"""Exercise 1.1: a chain of three workers, to try a learner's backward on."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from . import Wrong, watch
from .refusals import explained

REFUSALS = {  # what autograd says, and what it means here
    "grad can be implicitly created only for scalar outputs":
        "an output is no scalar: say with which gradient to start, and that is `message`",
    "backward through the graph a second time":
        "your first pass freed the worker's graph: ask for all gradients in one call",
}


def passed_on(answer):
    """Wrong unless answer(module_input, output, parameters, message) does what autograd does, worker by worker."""
    chain = nn.ModuleList([nn.Sequential(nn.Linear(4, 7), nn.Tanh()), nn.Sequential(nn.Linear(7, 6), nn.BatchNorm1d(6)),
                           nn.Sequential(nn.ReLU(), nn.Linear(6, 3))]).double()
    x, y = torch.randn(8, 4, dtype=torch.float64), torch.arange(8) % 3
    plain, image = deepcopy(chain), x.clone().requires_grad_()
    inputs = [image]
    for module in plain:
        inputs.append(module(inputs[-1]))
    F.cross_entropy(inputs[-1], y).backward(inputs=[*inputs[:-1], *plain.parameters()])

    leaves, outputs = [], []
    for module in chain:
        leaves.append(x.detach().clone().requires_grad_())
        outputs.append(module(leaves[-1]))
        x = outputs[-1].detach()
    logits = x.requires_grad_()
    message, = torch.autograd.grad(F.cross_entropy(logits, y), logits)
    for p in chain.parameters():
        p.grad = torch.full_like(p, 0.5)  # of the batch before
    before = watch.state(chain)
    for j in (2, 1, 0):
        parameters, kept = list(chain[j].parameters()), message.clone()
        others = [p for k, module in enumerate(chain) if k != j for p in module.parameters()]
        elsewhere = [p.grad.clone() for p in others]
        with explained(REFUSALS):
            sent = answer(leaves[j], outputs[j], parameters, message)
        _compare_sent(f"worker {j + 1}", sent, leaves[j], inputs[j].grad, message, plain[j])
        _compare_kept(f"worker {j + 1}", parameters, list(plain[j].parameters()), message)
        if not all(torch.equal(p.grad, old) for p, old in zip(others, elsewhere)) or not torch.equal(message, kept):
            raise Wrong(f"worker {j + 1} changes what is another worker's: its message or its parameters' .grad")
        message = sent.detach()
    if watch.moved(chain, before):
        raise Wrong("the weights moved: a backward pass leaves gradients, and the step is the optimizer's")


def _times(given, expected):
    """c, if `given` is c times `expected`, the one that fits best; None if none does."""
    c = (given * expected).sum() / expected.square().sum()
    return c.item() if (given - c * expected).abs().max() <= 1e-10 and c.abs() > 1e-10 else None


def _compare_sent(name, sent, leaf, expected, message, module):
    if not isinstance(sent, torch.Tensor):
        several = ": autograd.grad returns a tuple, take what you need from it" if isinstance(sent, tuple) else ""
        raise Wrong(f"return one tensor, the gradient of the leaf; this is a {type(sent).__name__}{several}")
    if sent.shape != leaf.shape:
        what = "the message itself" if sent.shape == message.shape else "another tensor's gradient"
        raise Wrong(f"{name}: the leaf has shape {tuple(leaf.shape)}, and so has its gradient; you return "
                    f"{tuple(sent.shape)}, {what}")
    if (sent - expected).abs().max() <= 1e-10:
        return
    again = leaf.detach().clone().requires_grad_()
    ones, = torch.autograd.grad(module(again).sum(), again)
    if c := _times(sent, expected):
        raise Wrong(f"{name}: {_scaled(c, message)}")
    if _times(sent, ones):
        raise Wrong(f"{name}: this begins with ones, as a plain output.sum().backward() does, and a mean with ones "
                    "divided by their number: begin with `message`")
    raise Wrong(f"{name}: what it sends down is not the gradient of the loss with respect to the leaf, which is what "
                "autograd makes of `message` on its way from `output` to `module_input`")


def _scaled(c, output):
    """What it means that a gradient is c times what it should be."""
    if abs(c + 1) <= 1e-6:
        return "the gradient has the wrong sign; subtracting it is the optimizer's part"
    if abs(c * output.numel() - 1) <= 1e-6:
        return (f"the gradient is divided by {output.numel()}, the number of entries of `output`: a mean does that. "
                "`message` is already the gradient of the mean loss")
    return f"the gradient is {c:.4g} times what it should be: send it on as autograd gives it"


def _compare_kept(name, parameters, expected, message):
    for p, q in zip(parameters, expected):
        if p.grad is not None and (p.grad - q.grad).abs().max() <= 1e-10:
            continue
        if p.grad is None or (p.grad == 0.5).all():
            raise Wrong(f"{name}: a parameter of shape {tuple(p.shape)} has not got its gradient: set .grad of each")
        if (p.grad - q.grad - 0.5).abs().max() <= 1e-10:
            raise Wrong(f"{name}: its gradients were added to what .grad held, of the batch before: replace it")
        if c := _times(p.grad, q.grad):
            raise Wrong(f"{name}: in .grad of a parameter of shape {tuple(p.shape)} {_scaled(c, message)}")
        raise Wrong(f"{name}: .grad of a parameter of shape {tuple(p.shape)} is not its gradient; "
                    "is it another parameter's?")
