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
        _compare_sent(f"worker {j + 1}", sent, leaves[j], inputs[j].grad, message)
        _compare_kept(f"worker {j + 1}", parameters, list(plain[j].parameters()))
        if not all(torch.equal(p.grad, old) for p, old in zip(others, elsewhere)) or not torch.equal(message, kept):
            raise Wrong(f"worker {j + 1} changes what is another worker's: its message or its parameters' .grad")
        message = sent.detach()
    if watch.moved(chain, before):
        raise Wrong("the weights moved: a backward pass leaves gradients, and the step is the optimizer's")


def _compare_sent(name, sent, leaf, expected, message):
    if not isinstance(sent, torch.Tensor):
        several = ": autograd.grad returns a tuple, take what you need from it" if isinstance(sent, tuple) else ""
        raise Wrong(f"return one tensor, the gradient of the leaf; this is a {type(sent).__name__}{several}")
    if sent.shape != leaf.shape:
        what = "the message itself" if sent.shape == message.shape else "another tensor's gradient"
        raise Wrong(f"{name}: the leaf has shape {tuple(leaf.shape)}, and so has its gradient; you return "
                    f"{tuple(sent.shape)}, {what}")
    if not (sent - expected).abs().max() <= 1e-10:
        raise Wrong(f"{name}: what it sends down is not the gradient of the loss. Does it begin with `message`? A "
                    "plain output.sum().backward() begins with ones")


def _compare_kept(name, parameters, expected):
    for p, q in zip(parameters, expected):
        if p.grad is not None and (p.grad - q.grad).abs().max() <= 1e-10:
            continue
        if p.grad is None or (p.grad == 0.5).all():
            raise Wrong(f"{name}: a parameter of shape {tuple(p.shape)} has not got its gradient: set .grad of each")
        if (p.grad - q.grad - 0.5).abs().max() <= 1e-10:
            raise Wrong(f"{name}: its gradients were added to what .grad held, of the batch before: replace it")
        raise Wrong(f"{name}: .grad of a parameter of shape {tuple(p.shape)} is not its gradient; "
                    "is it another parameter's?")
