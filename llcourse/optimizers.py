"""Optimizers: made with their state in place, so that what is saved, restored or captured is the memory they work on.

Adding one is writing a function (groups, recipe, device) -> (optimizer, state of a parameter) and naming it in
OPTIMIZERS.
"""

import torch

FUSED = ("cpu", "cuda")  # the devices that have one kernel for all of a step


def sgd(groups, recipe, device):
    """SGD with momentum, by default Nesterov's."""
    optimizer = torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum,
                                nesterov=recipe.nesterov and recipe.momentum > 0,
                                weight_decay=recipe.weight_decay, fused=device.type in FUSED)
    return optimizer, lambda p: {"momentum_buffer": torch.zeros_like(p)} if recipe.momentum else {}


def adamw(groups, recipe, device):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), betas 0.9 and 0.999."""
    optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=recipe.weight_decay, fused=device.type in FUSED,
                                  capturable=device.type == "cuda")  # a CUDA graph counts its steps on the device
    return optimizer, lambda p: {"step": torch.zeros((), device=p.device), "exp_avg": torch.zeros_like(p),
                                 "exp_avg_sq": torch.zeros_like(p)}


OPTIMIZERS = {"sgd": sgd, "adamw": adamw}


def make(cells, recipe, device):
    """An optimizer of these cells with a parameter group each: each has a learning rate of its own."""
    known, groups = set(), []
    for cell in cells:
        own = [p for p in dict.fromkeys(cell.parameters()) if p not in known]  # a head may serve two cells
        known.update(own)
        groups.append({"params": own})
    optimizer, state = OPTIMIZERS[recipe.optimizer](groups, recipe, device)
    for p in known:
        optimizer.state[p].update(state(p))
    return optimizer


def state(optimizer):
    """{name: tensor} of all that an optimizer remembers, the tensors that it works on."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return {f"{n}.{name}": tensor for n, p in enumerate(parameters) for name, tensor in optimizer.state[p].items()}
