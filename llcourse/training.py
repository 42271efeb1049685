"""Training a LocalNetwork: a run that can be interrupted, saved and resumed."""

import json
import math
import operator
import time
from dataclasses import asdict
from pathlib import Path

import torch

from . import checkpoint as checkpoints
from . import interrupts, reach
from .epoch import epoch
from .history import History
from .precision import choose
from .progress import progress
from .recipe import Recipe
from .schedules import named
from .steps import EagerStep, FastStep

SLOW = "ten times slower than before: if another process keeps a core busy, torch.set_num_threads(1) is faster"
SAVE_SECONDS = 5  # epochs shorter than that are not saved one by one: a file on the disk takes its time


class Run:
    """One training run, epoch by epoch. `fit` goes on from wherever the run stands.

    Every random choice of an epoch follows from (seed, epoch), so a resumed run repeats an uninterrupted one bit for
    bit. Moves `net` to the images' device and to channels_last. fast: compile the modules and, on a GPU, replay each
    step as a CUDA graph (see steps.FastStep): worth its minute of preparation on a GPU where a run takes many.
    watch: {name: function (net, images) -> number or list of numbers}, such as {"alignment": measure.alignment}: what
    it returns at the end of an epoch stands in the history's row under that name.
    """

    def __init__(self, net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, fast=False, watch=None):
        if epochs < 1:
            raise ValueError(f"training takes at least one epoch; got epochs = {epochs}")
        if images.train_size < 2:
            raise ValueError(f"BatchNorm needs at least 2 training images; got {images.train_size}")
        self.images, self.recipe, self.seed = images, recipe or Recipe(), int(seed)
        self.device = images.device
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.precision = choose(self.recipe.precision, self.device)
        self.net.precision = self.precision.dtype
        self.phases = named(schedule)(net, epochs)
        for phase in self.phases:
            if net.reach[list(phase.losses), : phase.frozen].any():
                raise ValueError(f"a phase freezes {phase.frozen} modules, and some of its losses {phase.losses} train "
                                 f"them by\n{net.reach}")
        self.epochs = sum(phase.epochs for phase in self.phases)
        self.steps_per_epoch = math.ceil((images.train_size - 1) / self.recipe.batch)  # a last batch of one is left out
        self.history = History(standin=images.standin, score=images.score.name)
        self.watch = dict(watch or {})
        if taken := self.watch.keys() & {"epoch", "phase", "loss", self.history.score, "seconds"}:
            raise ValueError(f"a row of the history has {', '.join(sorted(taken))} already: watch under another name")
        self.step = (FastStep if fast else EagerStep)(net, self.recipe)
        self.updates = torch.zeros(len(net.heads), dtype=torch.long)  # of each cell, since its phase began
        self.config = {
            "epochs": epochs, "schedule": str(schedule), "seed": self.seed,
            "recipe": json.loads(json.dumps(asdict(self.recipe))),
            "fast": fast, "precision": str(net.precision), "device": self.device.type, "reach": net.reach.tolist(),
            "images": images.digest(), "network": checkpoints.digest(net), "watch": sorted(self.watch)}
        self._made_of, self._network = [*net.modules(), *net.parameters()], self.config["network"]

    def _refuse_changes(self):
        """ValueError if the network would train something else than the configuration says."""
        parts = [*self.net.modules(), *self.net.parameters()]
        declared = str(self.net.precision), self.net.reach.tolist(), checkpoints.digest(self.net)
        same = len(parts) == len(self._made_of) and all(map(operator.is_, parts, self._made_of))
        if not same or declared != (self.config["precision"], self.config["reach"], self._network):
            raise ValueError("since this Run was made its network has got another module, head, objective, border, "
                             "setting, reach or precision; declare first, then make a Run")

    def fit(self, checkpoint=None, label=None):
        """Train to the end and return the history; with `checkpoint`, save to that file at ends of epochs.

        label: what stands before the progress bar (default: method and K). An interrupt (Ctrl-C, or the notebook's stop
        button) waits for the end of the step, takes the network back to the end of the last finished epoch and raises
        KeyboardInterrupt; `fit` again goes on from there. A second interrupt does not wait.
        """
        return self._fit(checkpoint, label, "fit() of the same Run goes on from there")

    def _fit(self, checkpoint, label, advice):  # advice: what to do after a stop without a checkpoint
        try:
            with interrupts.held() as stop:
                self._train(checkpoint, label, stop)
                return self.history
        except KeyboardInterrupt:
            how = "the same call goes on from there" if checkpoint else advice
            raise KeyboardInterrupt(f"stopped after {len(self.history.rows)} of {self.epochs} epochs: {how}") from None

    def _train(self, checkpoint, label, stop):
        self._refuse_changes()
        rows, saved = self.history.rows, -math.inf
        ticks = [phase.ticks * self.steps_per_epoch for phase in self.phases for _ in range(phase.epochs)]
        finished = self.state(), len(rows)
        alike = self.device.type == "cpu" and torch.get_num_threads() > 1 and [p.turns for p in self.phases] == [None]
        try:
            with progress(total=sum(ticks), initial=sum(ticks[: len(rows)]), unit="batch",
                          slow=SLOW if alike else "",  # other steps may cost more by themselves
                          label=label or f"{reach.called(self.net.reach)}, K = {self.net.K}") as bar:
                while len(rows) < self.epochs:
                    rows.append(epoch(self, bar, stop))
                    finished = self.state(), len(rows)
                    if checkpoint and (time.monotonic() - saved > SAVE_SECONDS or len(rows) == self.epochs):
                        self.save(checkpoint)
                        saved = time.monotonic()
                    stop()
        except BaseException as error:
            self.restore(finished[0])
            self.net.train()
            del rows[finished[1]:]
            if checkpoint and isinstance(error, KeyboardInterrupt):
                self.save(checkpoint)
            raise
        finally:
            self._network = checkpoints.digest(self.net)  # what training itself changes is no change

    def save(self, path):
        """Write the run to a safetensors file, atomically."""
        checkpoints.save(path, self.state(), {"config": self.config, "rows": self.history.rows})

    def load(self, path):
        """Take up the run that `save` wrote. Raises CheckpointError if it was made with other settings."""
        tensors, record = checkpoints.load(path, self.device)
        there = record.get("config", {})
        other = [f"{k}: {there.get(k)} there, {v} here" for k, v in self.config.items() if there.get(k) != v]
        if other:
            raise checkpoints.CheckpointError(f"{path} belongs to another run ({'; '.join(other)}); "
                                              "name another file, or move this one away to start afresh")
        self.restore(tensors)
        self.history = History(record["rows"], self.images.standin, self.images.score.name)

    def state(self):
        """{name: a copy} of all that the next step depends on."""
        state = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        state |= {f"optimizer.{name}": tensor for name, tensor in self.step.state().items()}
        return {name: tensor.detach().clone() for name, tensor in (state | {"updates": self.updates}).items()}

    def restore(self, state):
        """Put everything back to where `state()` was."""
        self.net.load_state_dict({k[4:]: t for k, t in state.items() if k.startswith("net.")})
        self.net.to(memory_format=torch.channels_last)  # what a border holds may have come from a file
        for name, tensor in self.step.state().items():
            tensor.copy_(state[f"optimizer.{name}"])
        self.updates.copy_(state["updates"])


def train(net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, checkpoint=None, fast=False,
          label=None, watch=None):
    """Train `net` on `images`; return its History.

    epochs: how long each module trains (sequential schedules take K times as many).   schedule: a name in
    schedules.SCHEDULES, or such a function, as schedules.Asynchronous(slowdown=(1, 1, 2)).   recipe: a Recipe.
    checkpoint: a file to save to at ends of epochs; if it is there already, the run goes on from it: after an
    interrupt, the same call resumes. (Without a file: run = Run(...), run.fit(), and run.fit() again.)   fast: compiled
    and captured steps, see Run.   label: what stands before the progress bar (default: method and K).   watch: what
    else the history keeps of each epoch, see Run. Raises NonFiniteLoss, CheckpointError, ValueError.

    >>> from llcourse import data, networks
    >>> net = networks.resnet(8, width=4).cut(2)
    >>> history = train(net, data.load("cifar10", train=200, test=100), epochs=2)
    >>> history.column("epoch"), len(history.accuracies)
    ([1, 2], 2)
    """
    run = Run(net, images, epochs, schedule=schedule, recipe=recipe, seed=seed, fast=fast, watch=watch)
    if checkpoint and Path(checkpoint).exists():
        run.load(checkpoint)
    return run._fit(checkpoint, label, "run again from where the network is made")  # it keeps what it learnt
