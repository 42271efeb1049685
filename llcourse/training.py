"""Training a LocalNetwork: a run that can be interrupted, saved and resumed."""

import json
import math
import operator
import time
from dataclasses import asdict
from pathlib import Path

import torch

from . import checkpoint as checkpoints
from . import interrupts, measure, reach
from .history import History
from .precision import choose
from .progress import progress
from .recipe import Recipe
from .schedules import SCHEDULES
from .steps import EagerStep, FastStep

TURNS, MODULES = 333_331, 666_661  # added to an epoch's key: its batches, its turns and its dropout draw apart
SLOW = "ten times slower than before: if another process keeps a core busy, torch.set_num_threads(1) is faster"
SAVE_SECONDS = 5  # epochs shorter than that are not saved one by one: a file on the disk takes its time


class NonFiniteLoss(RuntimeError):
    """A loss became infinite or NaN; the network is back where the epoch began."""


class Run:
    """One training run, epoch by epoch. `fit` goes on from wherever the run stands.

    Every random choice of an epoch follows from (seed, epoch), so a resumed run repeats an uninterrupted one bit for
    bit. Moves `net` to the images' device and to channels_last. fast: compile the modules and, on a GPU, replay each
    step as a CUDA graph (see steps.FastStep): worth its minute of preparation on a GPU where a run takes many.
    """

    def __init__(self, net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, fast=False):
        if schedule not in SCHEDULES:
            raise ValueError(f"no schedule is called {schedule!r}; there are {', '.join(SCHEDULES)}")
        if epochs < 1:
            raise ValueError(f"training takes at least one epoch; got epochs = {epochs}")
        if images.train_size < 2:
            raise ValueError(f"BatchNorm needs at least 2 training images; got {images.train_size}")
        self.images, self.recipe, self.seed = images, recipe or Recipe(), int(seed)
        self.device = images.device
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.precision = choose(self.recipe.precision, self.device)
        self.net.precision = self.precision.dtype
        self.phases = SCHEDULES[schedule](net, epochs)
        for phase in self.phases:
            if net.reach[list(phase.losses), : phase.frozen].any():
                raise ValueError(f"a phase freezes {phase.frozen} modules, and some of its losses {phase.losses} train "
                                 f"them by\n{net.reach}")
        self.epochs = sum(phase.epochs for phase in self.phases)
        self.steps_per_epoch = math.ceil((images.train_size - 1) / self.recipe.batch)  # a last batch of one is left out
        self.history = History(standin=images.standin, score=images.score.name)
        self.step = (FastStep if fast else EagerStep)(net, self.recipe)
        self.updates = torch.zeros(len(net.heads), dtype=torch.long)  # of each cell, since its phase began
        self.config = {
            "epochs": epochs, "schedule": schedule, "seed": self.seed,
            "recipe": json.loads(json.dumps(asdict(self.recipe))),
            "fast": fast, "precision": str(net.precision), "device": self.device.type, "reach": net.reach.tolist(),
            "images": images.digest(), "network": checkpoints.digest(net)}
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
        steps, rows, saved = self.steps_per_epoch, self.history.rows, -math.inf
        finished = self.state(), len(rows)
        alike = self.device.type == "cpu" and torch.get_num_threads() > 1 and [p.turns for p in self.phases] == [None]
        try:
            with progress(total=self.epochs * steps, initial=len(rows) * steps, unit="batch",
                          slow=SLOW if alike else "",  # other steps may cost more by themselves
                          label=label or f"{reach.called(self.net.reach)}, K = {self.net.K}") as bar:
                while len(rows) < self.epochs:
                    rows.append(self._epoch(bar, stop))
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

    def _epoch(self, bar, stop):
        began, done, phase_index = time.perf_counter(), len(self.history.rows), 0
        while done >= self.phases[phase_index].epochs:
            done -= self.phases[phase_index].epochs
            phase_index += 1
        phase, net, recipe, values = self.phases[phase_index], self.net, self.recipe, []
        self.freeze(phase)
        if done == 0:
            self.updates.zero_()
        key = self.seed * 1_000_003 + len(self.history.rows)
        generator = torch.Generator(self.device).manual_seed(key)
        turns = phase.steps(self.steps_per_epoch, torch.Generator().manual_seed(key + TURNS))
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(key + MODULES)  # for dropout and the like
            for (x, y), losses in zip(self.images.batches(recipe.batch, generator, augment=recipe.augment), turns):
                lrs = [recipe.lr_at(n / self.steps_per_epoch, phase.epochs) for n in self.updates.tolist()]
                values.append(self.step(x, y, lrs, losses) if losses else {})
                self.updates[net.updated_by(values[-1])] += 1
                if self.device.type == "cpu":  # elsewhere a look at the value would make the host wait for the device
                    self._check_finite(values[-1:], len(values))
                bar.update()
                stop()
        bar.pause()
        net.train()
        self._check_finite(values, 1)
        trained = {loss for p in self.phases[: phase_index + 1] for loss in p.losses}
        score = measure.score(net, self.images, heads=sorted(trained))
        bar.set_postfix_str(f"{self.history.score} {score[max(phase.losses)]:.1f} {self.images.score.unit}",
                            refresh=False)
        by_loss = [[step[i] for step in values if i in step] for i in range(len(net.heads))]
        return {"epoch": len(self.history.rows) + 1, "phase": phase_index,
                "loss": [torch.stack(steps).mean().item() if steps else None for steps in by_loss],
                self.history.score: score, "seconds": time.perf_counter() - began}

    def freeze(self, phase):
        """All in train mode but the modules and heads that a phase keeps frozen."""
        self.net.train()
        for part in (*self.net.body[: phase.frozen], *self.net.heads[: phase.frozen]):
            part.eval()

    def _check_finite(self, values, first):
        every = torch.stack([value for step in values for value in step.values()] or [torch.zeros(())])
        if every.isfinite().all():
            return
        step, i, value = next((n, i, value.item()) for n, step in enumerate(values, first)
                              for i, value in step.items() if not value.isfinite())
        raise NonFiniteLoss(
            f"the loss of module {i + 1} is {value} at step {step} of epoch {len(self.history.rows) + 1}. "
            "The network is back where that epoch began. A lower learning rate or a longer warm-up mends "
            f"most such runs: recipe=Recipe(lr={self.recipe.lr / 4:g})")

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
          label=None):
    """Train `net` on `images`; return its History.

    epochs: how long each module trains (sequential schedules take K times as many).   schedule: a name in
    schedules.SCHEDULES.   recipe: a Recipe.   checkpoint: a file to save to at ends of epochs; if it is there already,
    the run goes on from it: after an interrupt, the same call resumes. (Without a file: run = Run(...), run.fit(), and
    run.fit() again.)   fast: compiled and captured steps, see Run.   label: what stands before the progress bar
    (default: method and K). Raises NonFiniteLoss, CheckpointError, ValueError.

    >>> from llcourse import data, networks
    >>> net = networks.resnet(8, width=4).cut(2)
    >>> history = train(net, data.load("cifar10", train=200, test=100), epochs=2)
    >>> history.column("epoch"), len(history.accuracies)
    ([1, 2], 2)
    """
    run = Run(net, images, epochs, schedule=schedule, recipe=recipe, seed=seed, fast=fast)
    if checkpoint and Path(checkpoint).exists():
        run.load(checkpoint)
    return run._fit(checkpoint, label, "run again from where the network is made")  # it keeps what it learnt
