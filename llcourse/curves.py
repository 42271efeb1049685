"""Learning-rate curves: what the learning rate is `epoch` (a float, from 0) into a phase of `epochs`.

Adding one is writing a function (recipe, epoch, epochs) -> learning rate and naming it in CURVES. All begin with the
recipe's warm-up, which takes at most half of a phase.
"""

import math


def cosine(recipe, epoch, epochs):
    """A linear ramp from warmup_lr to lr, then half a cosine to zero; both move at every step."""
    warmup = min(recipe.warmup, epochs / 2)
    if epoch < warmup:
        return _ramp(recipe, epoch, warmup)
    return recipe.lr * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2


def steps(recipe, epoch, epochs):
    """The same ramp, then lr, which falls to a fifth after each of `drops`, shares of the epochs."""
    warmup = min(recipe.warmup, epochs / 2)
    if epoch < warmup:
        return _ramp(recipe, epoch, warmup)
    return recipe.lr * 0.2 ** sum(epoch >= share * epochs for share in recipe.drops)


def infopro(recipe, epoch, epochs):
    """As the code of InfoPro (Wang et al. 2021; train.py of its CIFAR experiments, with --cos_lr) sets it.

    Once an epoch, and the cosine spans all epochs: during the warm-up it is mixed with warmup_lr in shares that move
    by one part an epoch. Epochs count from 1 there, so the last one has learning rate 0: in it only BatchNorm's running
    statistics move.
    """
    n, warmup = math.floor(epoch) + 1, min(recipe.warmup, epochs / 2)
    share = min(1, (n - 1) / warmup) if warmup else 1
    return recipe.lr * (1 + math.cos(math.pi * n / epochs)) / 2 * share + recipe.warmup_lr * (1 - share)


CURVES = {"cosine": cosine, "steps": steps, "infopro": infopro}


def _ramp(recipe, epoch, warmup):
    return recipe.warmup_lr + (recipe.lr - recipe.warmup_lr) * epoch / warmup
