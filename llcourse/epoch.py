"""One epoch of a Run: whose turn it is, on which batch, at which learning rate."""

import time

import torch

from . import measure
from .losses import Losses

TURNS, MODULES = 333_331, 666_661  # added to an epoch's key: its batches, its turns and its dropout draw apart


class NonFiniteLoss(RuntimeError):
    """A loss became infinite or NaN; the network is back where the epoch began."""


def epoch(run, bar, stop):
    """Train the next epoch of `run` and return its row for the history.

    bar: a progress bar, moved on at every step.   stop: called after each; raises if the run shall end.
    """
    began, (number, phase, done, trained) = time.perf_counter(), phase_at(run.phases, len(run.history.rows))
    net, recipe, batches, seen = run.net, run.recipe, run.steps_per_epoch, Losses(len(run.net.heads))
    wake(run, phase.frozen)
    if done == 0:
        run.updates.zero_()
    key = run.seed * 1_000_003 + len(run.history.rows)
    generator = torch.Generator(run.device).manual_seed(key)
    turns = phase.steps(batches, torch.Generator().manual_seed(key + TURNS))
    with torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        torch.manual_seed(key + MODULES)  # for dropout and the like
        images = run.images.batches(recipe.batch, generator, augment=recipe.augment)
        for losses in turns:
            x, y = _next(images, batches) if net.reads_images(losses) else (None, None)
            lrs = [recipe.lr_at(phase.position(cell, n, batches), phase.epochs)
                   for cell, n in enumerate(run.updates.tolist())]
            values = run.step(x, y, lrs, losses) if losses else {}
            seen.add(values)
            run.updates[net.updated_by(values)] += 1
            if run.device.type == "cpu":  # elsewhere a look at the value would make the host wait for the device
                _check_finite(run, seen.nonfinite(seen.taken - 1))
            bar.update()
            stop()
    bar.pause()
    wake(run)
    _check_finite(run, seen.nonfinite())
    score = measure.score(net, run.images, heads=sorted(trained))
    measured = run.history.score
    bar.set_postfix_str(f"{measured.name} {measured.text(score[max(phase.losses)])}", refresh=False)
    return {"epoch": len(run.history.rows) + 1, "phase": number, "loss": seen.means(),
            measured.name: score, **{name: look(net, run.images) for name, look in run.watch.items()},
            "seconds": time.perf_counter() - began}


def wake(run, frozen=0):
    """All in train mode but the modules and heads that a phase keeps frozen, borders between such modules, and what
    the network's owner froze."""
    net = run.net
    net.train()
    between = [border for border in net.borders[: max(0, frozen - 1)] if border is not None]
    for part in (*net.body[:frozen], *net.heads[:frozen], *between, *map(net.get_submodule, run.resting)):
        part.eval()


def resting(net):
    """Names of the modules that were frozen by hand, requires_grad_(False).eval(): a run leaves them so."""
    return [name for name, module in net.named_modules() if not module.training
            and (own := [*module.parameters()]) and not any(p.requires_grad for p in own)]


def phase_at(phases, done):
    """After `done` epochs: number of the next one's phase, the phase, how many of its epochs are done, the losses
    trained by its end."""
    trained = set()
    for number, phase in enumerate(phases):
        trained.update(phase.losses)
        if done < phase.epochs:
            return number, phase, done, trained
        done -= phase.epochs


def _next(images, batches):
    for batch in images:
        return batch
    raise ValueError(f"the turns of an epoch ask for more than its {batches} batches of images")


def _check_finite(run, found):
    if found is None:
        return
    step, i, value = found
    raise NonFiniteLoss(
        f"the loss of module {i + 1} is {value} at step {step + 1} of epoch {len(run.history.rows) + 1}. "
        "The network is back where that epoch began. A lower learning rate or a longer warm-up mends "
        f"most such runs: recipe=Recipe(lr={run.recipe.lr / 4:g})")
