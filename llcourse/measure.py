"""Measuring what a method does: the reach that autograd shows, the accuracy of every head, the bytes it keeps."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from .local import LocalNetwork
from .memory import SavedBytes, saved_bytes

__all__ = ["MeasuredReach", "SavedBytes", "accuracy", "reach", "saved_bytes"]


@dataclass
class MeasuredReach:
    """Which loss leaves a gradient in which part.

    losses, parts: names of rows and columns.   through: {(loss, part): names of the parameters reached}.
    """

    losses: list
    parts: list
    through: dict

    @property
    def matrix(self):
        """(losses, parts) array of 0 and 1."""
        return np.array([[int((loss, part) in self.through) for part in self.parts] for loss in self.losses])

    def differences(self, declared):
        """Lines that say where this differs from a declared matrix; an empty list if it does not."""
        lines = []
        for i, loss in enumerate(self.losses):
            for j, part in enumerate(self.parts):
                names = self.through.get((loss, part))
                if names and not declared[i][j]:
                    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                    lines.append(f"{loss} leaks into {part} through {', '.join(names[:3])}{more}")
                elif declared[i][j] and not names:
                    lines.append(f"{loss} does not reach {part}")
        return lines


def reach(model, batch, losses=None, parts=None):
    """Measure the reach of a model: one backward pass a loss, then a look at which parameters hold a gradient.

    A LocalNetwork is measured through the `backward` that trains it, one loss at a time. `batch` is (x, y), or an image
    set, of which eight images are taken. For any other nn.Module give `losses`, a function (model, *batch) -> {name:
    scalar}, and, if its children are not the parts you mean, `parts`, {name: nn.Module}. A parameter counts as reached if
    autograd connects it with the loss, even where its gradient happens to be zero. The model is copied: nothing of yours
    changes. Returns a MeasuredReach; raises ValueError if a parameter is in no part or no loss reaches any.
    """
    model, parts = deepcopy((model, parts))
    if hasattr(batch, "test_batches"):
        batch = next(batch.test_batches(8))
    if isinstance(model, LocalNetwork) and losses is None:
        parts = parts or {name: part for name, part in model.parts().items() if name.startswith("module")}
        rows = {f"loss {i + 1}": i for i in range(model.K)}

        def gradients(i, parameters):
            model.zero_grad(set_to_none=True)
            if i in model.losses:
                model.backward(*batch, losses=(i,))
            return [p.grad for p in parameters]
    elif losses is None:
        raise ValueError("a model that is no LocalNetwork needs losses=, a function (model, *batch) -> {name: scalar}")
    else:
        rows = losses(model, *batch)
        parts = parts or _children(model)

        def gradients(loss, parameters):
            if not loss.requires_grad:
                return [None] * len(parameters)
            return torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)

    named = [(part, name, p) for part, module in parts.items() for name, p in module.named_parameters()
             if p.requires_grad]
    covered = {id(p) for *_, p in named}
    missed = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in covered]
    if missed and not isinstance(model, LocalNetwork):
        raise ValueError(f"in no part, so not measured: {', '.join(missed[:5])}; name them in parts=")
    through = {}
    for loss, handle in rows.items():
        for (part, name, _), gradient in zip(named, gradients(handle, [p for *_, p in named])):
            if gradient is not None:
                through.setdefault((loss, part), []).append(name)
    if not through:
        raise ValueError("no loss reaches any parameter: does `losses` use the model that it is given, which is a copy?")
    return MeasuredReach(list(rows), list(parts), through)


def _children(model):
    """The model's children as parts, and as "(itself)" the parameters that it holds directly."""
    own = torch.nn.ParameterDict({name: p for name, p in model.named_parameters(recurse=False)})
    return {**({"(itself)": own} if len(own) else {}), **dict(model.named_children())}


@torch.no_grad()
def accuracy(net, images, heads=None):
    """Test accuracies in percent from one pass: a list of K, one a head.

    heads: indices to measure (default: those that are trained); the others are None.
    """
    modes = {module: module.training for module in net.modules()}
    heads = net.losses if heads is None else heads
    right = torch.zeros(net.K, device=images.test_y.device)
    try:
        net.eval()
        for x, y in images.test_batches(500 if images.test_x.device.type == "cpu" else 2000):
            for i, logits in net.logits(x, heads).items():
                right[i] += (logits.argmax(dim=1) == y).sum()
    finally:
        for module, mode in modes.items():
            module.training = mode
    percent = (100 * right / len(images.test_y)).tolist()
    return [percent[i] if i in heads else None for i in range(net.K)]
