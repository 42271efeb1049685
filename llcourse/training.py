"""Training a LocalNetwork: a run that can be interrupted, saved and resumed."""

import json
import math
import time
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch

from . import checkpoint as checkpoints
from . import interrupts, measure
from .history import History
from .progress import progress
from .recipe import Recipe
from .schedules import SCHEDULES
from .steps import EagerStep, FastStep
from .timing import round_robin


SAVE_SECONDS = 5  # epochs shorter than that are not saved one by one: a file on the disk takes its time


class NonFiniteLoss(RuntimeError):
    """A loss became infinite or NaN; the network is back where the epoch began."""


def _digest(*chunks):
    """A short name for the contents of some bytes."""
    whole = sha256()
    for chunk in chunks:
        whole.update(chunk)
    return whole.hexdigest()[:12]


class Run:
    """One training run, epoch by epoch. `fit` goes on from wherever the run stands.

    Every random choice of an epoch follows from (seed, epoch), so a resumed run repeats an uninterrupted one bit for
    bit. Moves `net` to the images' device and to channels_last. fast: compile the modules and, on a GPU, replay each
    step as a CUDA graph (see steps.FastStep): worth its minute of preparation where a run takes many.
    """

    def __init__(self, net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, fast=False):
        if schedule not in SCHEDULES:
            raise ValueError(f"no schedule is called {schedule!r}; there are {', '.join(SCHEDULES)}")
        if epochs < 1:
            raise ValueError(f"training takes at least one epoch; got epochs = {epochs}")
        if len(images.train_y) < 2:
            raise ValueError(f"BatchNorm needs at least 2 training images; got {len(images.train_y)}")
        self.images, self.recipe, self.seed = images, recipe or Recipe(), int(seed)
        self.device = images.train_x.device
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.net.precision = self.recipe.dtype(self.device)
        self.phases = SCHEDULES[schedule](net, epochs)
        self.epochs = sum(phase.epochs for phase in self.phases)
        self.history = History(standin=images.standin)
        self.step = (FastStep if fast else EagerStep)(net, self.recipe)
        self.config = {
            "epochs": epochs, "schedule": schedule, "seed": self.seed, "recipe": json.loads(json.dumps(asdict(self.recipe))),
            "fast": fast, "precision": str(net.precision), "device": self.device.type, "reach": net.reach.tolist(),
            "images": _digest(*(t.cpu().numpy().tobytes() for t in (
                images.train_x, images.train_y, images.test_x, images.test_y))),
            "network": _digest(*(f"{n} {tuple(p.shape)}".encode() for n, p in net.named_parameters()))}

    def fit(self, checkpoint=None, label="training"):
        """Train to the end and return the history; with `checkpoint`, save to that file at ends of epochs.

        label: what stands before the progress bar. An interrupt (Ctrl-C, or the notebook's stop button) waits for the
        end of the step, takes the network back to the end of the last finished epoch and raises KeyboardInterrupt;
        `fit` again goes on from there. A second interrupt does not wait.
        """
        try:
            with interrupts.held() as stop:
                self._train(checkpoint, label, stop)
                return self.history
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._interrupted(checkpoint)) from None

    def _train(self, checkpoint, label, stop):
        steps, rows, saved = self._steps_per_epoch(), self.history.rows, -math.inf
        finished = self._state(clone=True), len(rows)
        try:
            with progress(total=self.epochs * steps, initial=len(rows) * steps, label=label) as bar:
                while len(rows) < self.epochs:
                    rows.append(self._epoch(bar, stop))
                    finished = self._state(clone=True), len(rows)
                    if checkpoint and (time.monotonic() - saved > SAVE_SECONDS or len(rows) == self.epochs):
                        self.save(checkpoint)
                        saved = time.monotonic()
                    stop()
        except BaseException as error:
            state, done = finished
            self._restore(state)
            del rows[done:]
            if checkpoint and isinstance(error, KeyboardInterrupt):
                self.save(checkpoint)
            raise

    def _epoch(self, bar, stop):
        began, done, phase_index = time.perf_counter(), len(self.history.rows), 0
        while done >= self.phases[phase_index].epochs:
            done -= self.phases[phase_index].epochs
            phase_index += 1
        phase, net, recipe = self.phases[phase_index], self.net, self.recipe
        self._freeze(phase)
        key = self.seed * 1_000_003 + len(self.history.rows)
        generator = torch.Generator(self.device).manual_seed(key)
        steps, losses = self._steps_per_epoch(), []
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(key)  # for dropout and the like inside modules
            for step, (x, y) in enumerate(self.images.batches(recipe.batch, generator, augment=recipe.augment)):
                losses.append(self.step(x, y, recipe.lr_at(done + step / steps, phase.epochs), phase.losses))
                if self.device.type == "cpu":  # elsewhere a look at the value would make the host wait for the device
                    self._check_finite(losses[-1:], phase.losses, step)
                bar.update()
                stop()
        net.train()
        self._check_finite(losses, phase.losses, 0)
        trained = {loss for p in self.phases[: phase_index + 1] for loss in p.losses}
        accuracy = measure.accuracy(net, self.images, heads=sorted(trained))
        means = torch.stack(losses).mean(dim=0).tolist()
        bar.set_postfix_str(f"accuracy {accuracy[max(phase.losses)]:.1f} %", refresh=False)
        return {"epoch": len(self.history.rows) + 1, "phase": phase_index,
                "loss": [mean if i in phase.losses else None for i, mean in enumerate(means)], "accuracy": accuracy,
                "seconds": time.perf_counter() - began}

    def _freeze(self, phase):
        """All in train mode but the modules and heads that a phase keeps frozen."""
        self.net.train()
        for part in (*self.net.body[: phase.frozen], *self.net.heads[: phase.frozen]):
            part.eval()

    def seconds_left(self):
        """About how long `fit` will take, from a few steps of each phase that are undone. Evaluation is left out."""
        x, y = next(self.images.batches(self.recipe.batch, torch.Generator(self.device)))
        before, seconds, end = self._state(clone=True), 0.0, 0
        with interrupts.held():
            try:
                for phase in self.phases:
                    end += phase.epochs
                    epochs = min(phase.epochs, max(0, end - len(self.history.rows)))
                    if not epochs:
                        continue
                    self._freeze(phase)
                    (one,) = round_robin([lambda losses=phase.losses: self.step(x, y, 0.0, losses)], 4, self.device)
                    seconds += epochs * self._steps_per_epoch() * one
            finally:
                self.net.train()
                self._restore(before)
        return seconds

    def _steps_per_epoch(self):
        return math.ceil((len(self.images.train_y) - 1) / self.recipe.batch)  # a last batch of one image is left out

    def _check_finite(self, losses, wanted, first):
        bad = ~torch.stack(losses)[:, list(wanted)].isfinite()
        if bad.any():
            step, column = bad.nonzero()[0].tolist()
            raise NonFiniteLoss(
                f"the loss of module {wanted[column] + 1} is {losses[step][wanted[column]].item()} at step "
                f"{first + step + 1} of epoch {len(self.history.rows) + 1}. The network is back where that epoch began. A lower "
                f"learning rate or a longer warm-up mends most such runs: recipe=Recipe(lr={self.recipe.lr / 4:g})")

    def _interrupted(self, checkpoint):
        where = f"stopped after {len(self.history.rows)} of {self.epochs} epochs"
        if checkpoint:
            return f"{where}; run the same call again to go on from {checkpoint}"
        return f"{where}; call fit() of the same Run to go on, or pass checkpoint= to train() next time"

    def save(self, path):
        """Write the run to a safetensors file, atomically."""
        checkpoints.save(path, self._state(clone=True), {"config": self.config, "rows": self.history.rows})

    def load(self, path):
        """Take up the run that `save` wrote. Raises CheckpointError if it was made with other settings."""
        tensors, record = checkpoints.load(path, self.device)
        there = record.get("config", {})
        other = [f"{k}: {there.get(k)} there, {v} here" for k, v in self.config.items()
                 if there.get(k) != v]
        if other:
            raise checkpoints.CheckpointError(f"{path} belongs to another run ({'; '.join(other)}); "
                                              "name another file, or move this one away to start afresh")
        self._restore(tensors)
        self.history = History(record["rows"], self.images.standin)

    def _state(self, clone=False):
        state = {f"net.{name}": t for name, t in self.net.state_dict().items()}
        state |= {f"momentum.{n}": buffer for n, buffer in enumerate(self.step.momentum)}
        return {name: t.detach().clone() if clone else t for name, t in state.items()}

    def _restore(self, state):
        self.net.load_state_dict({k[4:]: t for k, t in state.items() if k.startswith("net.")})
        for n, buffer in enumerate(self.step.momentum):
            buffer.copy_(state[f"momentum.{n}"])


def train(net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, checkpoint=None, fast=False):
    """Train `net` on `images`; return its History.

    epochs: how long each module trains (sequential schedules take K times as many).   schedule: a name in
    schedules.SCHEDULES.   recipe: a Recipe.   checkpoint: a file to save to at ends of epochs; if it is there already,
    the run goes on from it: after an interrupt, the same call resumes. (Without a file: run = Run(...), run.fit(), and
    run.fit() again.)   fast: compiled and captured steps, see Run. Raises NonFiniteLoss, CheckpointError, ValueError.
    """
    run = Run(net, images, epochs, schedule=schedule, recipe=recipe, seed=seed, fast=fast)
    if checkpoint and Path(checkpoint).exists():
        run.load(checkpoint)
    return run.fit(checkpoint)
