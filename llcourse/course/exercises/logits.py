"""Heads that learners write: from a module's features to logits, with a way back."""

import torch
from torch import nn

from . import Wrong

BATCH = 8


def tried(head, shape, classes):
    """(features, logits) of a batch; Wrong unless the head is a module that gives logits and can be trained."""
    if not isinstance(head, nn.Module):
        raise Wrong(f"return an nn.Module, which an optimizer can train; this is a {type(head).__name__}")
    x = torch.randn(BATCH, *shape, requires_grad=True)
    logits = head(x)
    _shaped(logits, BATCH, classes)
    leaves = _leaves(logits)
    if not any(leaf is x for leaf in leaves):
        raise Wrong("the head cuts itself off from the features it reads, with a detach() or no_grad(): the module "
                    "below would never learn")
    own = {id(p) for p in head.parameters()}
    for leaf in leaves:
        if leaf is not x and id(leaf) not in own:
            raise Wrong(f"weights of shape {tuple(leaf.shape)} are used, but are none of head.parameters(), so no "
                        "optimizer trains them and to() leaves them behind: a layer in a plain Python list, or made in "
                        "forward(). Use nn.Sequential or nn.ModuleList")
    return x.detach(), logits.detach()


def one_image(head, shape, classes):
    """Wrong unless the head in eval mode takes a batch of one."""
    head.eval()
    with torch.no_grad():
        _shaped(head(torch.randn(1, *shape)), 1, classes)


def _shaped(logits, batch, classes):
    if not isinstance(logits, torch.Tensor):
        raise Wrong(f"a head returns one tensor of logits; this is a {type(logits).__name__}")
    if logits.shape != (batch, classes):
        images = f"{batch} images" if batch > 1 else "one image, in eval mode,"
        squeezed = "; did a squeeze() take the batch's dimension too?" if batch == 1 else ""
        raise Wrong(f"{images} and {classes} classes make logits of shape ({batch}, {classes}); got "
                    f"{tuple(logits.shape)}{squeezed}")


def _leaves(tensor):
    """The tensors that autograd would leave a gradient in."""
    nodes, seen, leaves = [tensor.grad_fn], set(), []
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        nodes += [following for following, _ in node.next_functions]
    return leaves
