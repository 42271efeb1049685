"""How long the parts of a training step take on this machine."""

import statistics
import time
from collections import defaultdict
from functools import partial

import torch

from ..arguments import whole
from ..routes import Forward, Losses, Pull
from ..walk import TrainingWalk
from .batch import pair


class _TimedWalk(TrainingWalk):
    """The walk that trains, with a look at the clock after each step."""

    def __init__(self, net, x, y, seconds):
        super().__init__(net, x, y)
        self.seconds = seconds
        self.wait = partial(torch.accelerator.synchronize, x.device) if x.device.type != "cpu" else lambda: None

    def run(self, steps):
        for step in steps:
            began = time.perf_counter()
            super().run((step,))
            self.wait()
            took = time.perf_counter() - began
            if isinstance(step, Forward):
                self.seconds["forward", step.cell].append(took)
            elif isinstance(step, Losses):
                for i in step.losses:
                    self.seconds["loss", i].append(took / len(step.losses))
            elif isinstance(step, Pull):
                self.seconds["training" if step.trains else "handing on", step.cell].append(took)
        return self


def module_times(net, batch, rounds=10):
    """Seconds of each module's forward pass, input-VJP and weight gradient, and of each head, in steps of this network.

    Returns {"head", "forward", "vjp", "weight": K numbers}, what `timeline.simulate(net.reach, ..., **times)` takes.
    Medians of `rounds` steps on batch, (x, y); the optimizer is left out. A head's loss and its gradient are counted to
    it, at two thirds. Where a module never hands a gradient on without training, what its pass takes is split in
    halves.
    """
    net, seconds, batch, rounds = net.unheld(), defaultdict(list), pair(batch), whole("rounds", rounds, 1)
    for _ in range(2):  # to warm up
        net.backward(*batch)
    for _ in range(rounds):
        net.zero_grad(set_to_none=True)
        net.backward(*batch, walk=partial(_TimedWalk, seconds=seconds))
    median = {key: statistics.median(values) for key, values in seconds.items()}
    times = {"head": [median.get(("loss", j), 0.0) / 3 for j in range(net.K)],
             "forward": [median["forward", j] for j in range(net.K)], "vjp": [], "weight": []}
    for j in range(net.K):
        training = median["training", j]
        vjp = min(median.get(("handing on", j), training / 2), training)
        times["vjp"].append(vjp)
        times["weight"].append(training - vjp)
    return times
