"""Training a LocalNetwork: a run that can be interrupted, saved and resumed."""

import json
import math
import os
import time
from dataclasses import asdict
from pathlib import Path

import torch

from . import checkpoint as checkpoints
from . import interrupts, reach, standing
from .arguments import flag, whole
from .epoch import epoch, resting, wake
from .history import History
from .identity import SHOWN, description, differences, digest
from .local import LocalNetwork
from .precision import choose
from .progress import progress
from .recipe import Recipe
from .schedules import phases
from .steps import EagerStep, FastStep, channels_last

SLOW = "ten times slower than before: if another process keeps a core busy, torch.set_num_threads(1) is faster"
SEEDS = 2**32 - 1  # the largest, as NumPy has it
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
        if not isinstance(net, LocalNetwork):
            raise ValueError(f"net is a {type(net).__name__}; training takes a LocalNetwork, such as net.cut(4)")
        if not isinstance(recipe, Recipe | None):
            raise ValueError(f"recipe is {recipe!r}; it is a Recipe")
        if not isinstance(watch, dict | None) or not all(map(callable, (watch or {}).values())):
            raise ValueError(f"watch is {watch!r}; it is a dict {{name: function (net, images)}}")
        epochs, fast = whole("epochs", epochs, 1), flag("fast", fast)
        if images.train_size < 2:
            raise ValueError(f"BatchNorm needs at least 2 training images; got {images.train_size}")
        for part in net.modules():
            if hasattr(part, "refuse_data"):
                part.refuse_data(images)
        for border in net.borders:
            if border is not None:
                border.empty()
        self.images, self.recipe, self.seed = images, recipe or Recipe(), whole("seed", seed, 0, SEEDS)
        self.device, self.watch = images.device, watch or {}
        self.phases, self.resting = phases(schedule, net, epochs), resting(net)
        self.epochs = sum(phase.epochs for phase in self.phases)
        self.steps_per_epoch = math.ceil((images.train_size - 1) / self.recipe.batch)  # a last batch of one is left out
        self.history = History(standin=images.standin, score=images.score)
        if taken := self.watch.keys() & {"epoch", "phase", "loss", self.history.score.name, "seconds"}:
            raise ValueError(f"a row of the history has {', '.join(sorted(taken))} already: watch under another name")
        self.net = channels_last(net.to(self.device))
        self.precision = choose(self.recipe.precision, self.device)
        self.net.precision = self.precision.dtype
        self.step = (FastStep if fast else EagerStep)(net, self.recipe)
        self.updates = torch.zeros(len(net.heads), dtype=torch.long)  # of each cell, since its phase began
        self.config = {
            "epochs": epochs, "schedule": getattr(schedule, "__qualname__", str(schedule)), "seed": self.seed,
            "phases": [[phase.epochs, phase.losses, phase.frozen, phase.ticks, phase.slowdown]
                       for phase in self.phases],
            "recipe": asdict(self.recipe), "fast": fast, "precision": str(net.precision), "device": self.device.type,
            "reach": net.reach.tolist(), "network": description(net),
            "frozen": self.resting, "initial weights": digest(net.state_dict()),
            "watch": sorted(self.watch), **dict.fromkeys(images.preparation(), images.digest())}  # "images", or "text"
        self.config = json.loads(json.dumps(self.config))  # as a file gives it back
        self.parts, self.stands = standing.parts(net), standing.Standing(self)

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
        standing.refuse_changes(self)
        if torch.is_autocast_enabled(self.device.type):
            raise ValueError("within torch.autocast a run would compute in another precision than its recipe says, "
                             "with weights cast once for all steps: train outside, with Recipe(precision=\"bfloat16\")")
        rows, saved = self.history.rows, -math.inf
        if checkpoint and len(rows) < self.epochs:
            self.save(checkpoint)  # that it cannot be written is known before an epoch was trained for nothing
        ticks = [phase.ticks * self.steps_per_epoch for phase in self.phases for _ in range(phase.epochs)]
        alike = self.device.type == "cpu" and torch.get_num_threads() > 1 and [p.turns for p in self.phases] == [None]
        try:
            with progress(total=sum(ticks), initial=sum(ticks[: len(rows)]), unit="batch",
                          slow=SLOW if alike else "",  # other steps may cost more by themselves
                          label=f"{reach.called(self.net.reach)}, K = {self.net.K}" if label is None else label) as bar:
                while len(rows) < self.epochs:
                    standing.refuse_redeclared(self)
                    rows.append(epoch(self, bar, stop))
                    self.stands = standing.Standing(self)
                    if checkpoint and (time.monotonic() - saved > SAVE_SECONDS or len(rows) == self.epochs):
                        self.save(checkpoint)
                        saved = time.monotonic()
                    stop()
        except BaseException as error:
            self.restore(self.stands.state)
            wake(self)
            del rows[self.stands.rows:]
            self.stands = standing.Standing(self)  # what training changed of a module's settings stays
            if checkpoint and not isinstance(error, checkpoints.NotWritten):
                self.save(checkpoint)  # the same call goes on from where the network now is
            raise

    def save(self, path):
        """Write the run to a safetensors file, atomically. Raises CheckpointError if that cannot be."""
        checkpoints.save(path, self.state(), {"config": self.config, "rows": self.history.rows})

    def load(self, path):
        """Take up the run that `save` wrote. Raises CheckpointError if it was made with other settings.

        The network has the weights that the run began with, or those that the file holds, as after an interrupt.
        """
        tensors, record = checkpoints.load(path, self.device)
        there, rows = record.get("config"), record.get("rows")
        there = there if isinstance(there, dict) else {}
        here, initial = self.config, there.get("initial weights")
        if digest(self.net.state_dict()) == digest(
                {name[4:]: t for name, t in tensors.items() if name.startswith("net.")}):
            here = here | {"initial weights": initial}
        if other := differences(there, here):
            raise checkpoints.CheckpointError(f"{path} belongs to another run ({'; '.join(other)}); make the same "
                                              "network anew, name another file, or move this one away to start afresh")
        before = self.state()
        wrong = checkpoints.misfits(tensors, rows, before, self.epochs)
        if not wrong:
            try:
                self.restore(tensors)
            except Exception as error:  # of a border's own, which reads what it alone knows
                self.restore(before)
                wrong = [str(error)]
        if wrong:
            raise checkpoints.CheckpointError(f"{path} does not hold this run ({'; '.join(wrong[:SHOWN])}); "
                                              "move it away to start the run afresh")
        self.config = here
        self.history = History(rows, self.images.standin, self.images.score)
        self.stands = standing.Standing(self)

    def state(self):
        """{name: a copy} of all that the next step depends on."""
        state = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        state |= {f"optimizer.{name}": tensor for name, tensor in self.step.state().items()}
        return {name: tensor.detach().clone() for name, tensor in (state | {"updates": self.updates}).items()}

    def restore(self, state):
        """Put everything back to where `state()` was."""
        self.net.load_state_dict({k[4:]: t for k, t in state.items() if k.startswith("net.")})
        channels_last(self.net)  # what a border holds may have come from a file
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
    if not isinstance(checkpoint, str | os.PathLike | None):
        raise ValueError(f"checkpoint is {checkpoint!r}; it is the path of a file")
    run = Run(net, images, epochs, schedule=schedule, recipe=recipe, seed=seed, fast=fast, watch=watch)
    if checkpoint and Path(checkpoint).exists():
        run.load(checkpoint)
    return run._fit(checkpoint, label, "run again from where the network is made")  # it keeps what it learnt
