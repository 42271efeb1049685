"""A shift: what one worker does from its first batch to its last."""

import time

import torch

from .. import measure, optimizers, routes
from ..epoch import MODULES, TURNS, phase_at, wake
from ..losses import Losses
from ..objectives import predicting
from ..steps import channels_last
from . import saving
from .share import Glance, Share
from .wire import END, Message


class Shift:
    """One worker's training.

    job: a Job.   place: a Place with its channels.   meeting: a Meeting.   folder: where its checkpoints lie.
    """

    def __init__(self, job, place, meeting, folder):
        self.job, self.place, self.meeting, self.folder = job, place, meeting, folder
        self.net, self.images, self.recipe, self.log = job.net, job.images, job.recipe, place.log
        self.resting = job.resting
        keep(self.net, place)
        cells = [self.net.cells[i] for i in place.cells]
        self.optimizer = optimizers.make(cells, self.recipe, self.images.device)
        self.updates = torch.zeros(len(cells), dtype=torch.long)
        self.rows, self.at, self.step, self.taken, self.losses = [], 0, 0, 0, Losses(len(self.net.heads))
        # epochs that are done; turns of the epoch at hand; steps in all; turns in all; this epoch's losses
        self.progress = saving.Progress(folder, place.number)

    def work(self):
        """Train to the end from where the checkpoint left off."""
        epochs = sum(phase.epochs for phase in self.job.phases)
        while len(self.rows) < epochs:
            self.rows.append(self.epoch())
            self.at, self.losses = 0, Losses(len(self.net.heads))
            if len(self.rows) == epochs:
                self.came(self.step + 1)  # with the last scores
                self.save(self.step)
        self.progress.close()

    def epoch(self):
        """What is left of an epoch; returns its row, with what this worker knows of it."""
        job, net, own = self.job, self.net, self.place.number
        began, (number, phase, done, trained) = time.perf_counter(), phase_at(job.phases, len(self.rows))
        wake(self, phase.frozen)
        if done == 0 and self.at == 0:
            self.updates.zero_()
        key = job.seed * 1_000_003 + len(self.rows)
        turns = phase.steps(job.batches, torch.Generator().manual_seed(key + TURNS))
        if self.place.free:
            turns = [losses for losses in turns if {own} & set(net.updated_by(losses))]
        if self.at == 0:
            torch.manual_seed(key + MODULES)
        images = self.images.batches(self.recipe.batch, torch.Generator(self.images.device).manual_seed(key),
                                     augment=self.recipe.augment) if own == 0 else None
        for n, losses in enumerate(turns):
            with self.log("load"):
                x, y = next(images) if images and net.reads_images(losses) else (None, None)
            if n < self.at:
                continue
            self.turn(x, y, losses, phase)
            self.at, before = n + 1, self.step
            # a slow worker at its own pace takes fewer turns: it counts the batches that the fastest has taken by then
            self.came(len(self.rows) * job.batches - (-self.at * job.batches // len(turns)) if self.place.free else
                      self.step + 1)
            if job.save_every and self.step // job.save_every > before // job.save_every:
                self.save(self.step // job.save_every * job.save_every)
                if not self.place.free:
                    with self.log("meet"):  # nobody goes on before all have saved: no more than that can be lost
                        self.meeting.share(f"saved {self.step}", True)
        self.finish_epoch()
        wake(self)
        with self.log("score"):
            score = self.score(sorted(trained))
        return {"epoch": len(self.rows) + 1, "phase": number, self.images.score.name: score,
                "loss": self.losses.means(),
                "seconds": time.perf_counter() - began}

    def turn(self, x, y, losses, phase):
        """One step of the plan, and, where it was this worker's turn, of its optimizer."""
        began = time.monotonic()
        self.optimizer.zero_grad(set_to_none=True)
        share = Share(self.net, x, y, self.place)
        if losses:
            self.net.backward(x, y, losses, walk=lambda *_: share)
        if share.acted and (moved := set(self.net.updated_by(losses)) & set(self.place.cells)):
            with self.log("step"):
                for group, cell, n in zip(self.optimizer.param_groups, self.place.cells, self.updates.tolist()):
                    group["lr"] = self.recipe.lr_at(phase.position(cell, n, self.job.batches), phase.epochs)
                self.optimizer.step()
                self.updates[[self.place.cells.index(cell) for cell in moved]] += 1
        self.losses.add(share.values)
        if found := self.losses.nonfinite(self.losses.taken - 1):
            _, i, value = found
            raise FloatingPointError(f"the loss of module {i + 1} is {value} at step {self.at + 1} of epoch "
                                     f"{len(self.rows) + 1}; a lower learning rate or a longer warm-up mends most "
                                     f"such runs: recipe=Recipe(lr={self.recipe.lr / 4:g})")
        self.taken += 1
        if self.place.free and phase.slowdown and (slower := phase.slowdown[self.place.number] - 1) > 0:
            with self.log("slow"):
                time.sleep(slower * (time.monotonic() - began))

    def came(self, step):
        self.step = self.log.step = self.progress.done = step

    def finish_epoch(self):
        """At their own pace workers end an epoch one after the other, from below."""
        place = self.place
        if place.free and place.above is not None and self.net.borders[place.number].holds:
            place.above.put(Message(END))
        if place.free and place.number and self.net.borders[place.number - 1].holds:
            while not place.ended:
                with self.log("wait"):
                    message = place.below.get()
                Share(self.net, None, None, place).receive(message)
            place.ended = False

    def score(self, trained):
        heads = predicting(self.net.objectives, trained)
        steps = routes.forward(self.net.wiring, heads) if heads else ()
        return measure.score(self.net, self.images, [i for i in heads if i in self.place.cells],
                             lambda x, wanted: Glance(self.net, x, self.place).run(steps).logits)

    def save(self, step):
        with self.log("save"):
            values = {f"losses.{i}": self.losses.of(i) for i in self.place.cells if self.losses.steps[i]}
            saving.save(self.folder, self.place.number, step, self.state() | values,
                        {"rows": self.rows, "at": self.at, "step": self.step, "taken": self.taken,
                         "config": self.job.name, "turns": self.losses.taken, "seen": self.losses.steps})
            saving.forget(self.folder, self.place.number, self.meeting.least("saved", step))

    def state(self):
        state = self.net.state_dict()
        names = saving.owned(self.net, self.place.number, state)
        names += [name for name in state if name.startswith("borders.") and name not in names]  # as far as it has them
        tensors = {f"net.{name}": state[name] for name in names}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizers.state(self.optimizer).items()}
        tensors |= {"updates": self.updates, "chance": torch.get_rng_state()}
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}

    def resume(self, step):
        """Take up what was saved at this step."""
        tensors, record = saving.checkpoints.load(saving.file(self.folder, self.place.number, step),
                                                  self.images.device)
        if record["config"] != self.job.name:
            raise saving.checkpoints.CheckpointError(f"{self.folder} holds checkpoints of another job; prepare this "
                                                     "one in a folder of its own")
        self.net.load_state_dict({k[4:]: t for k, t in tensors.items() if k.startswith("net.")}, strict=False)
        for part in parts(self.net, self.place):
            channels_last(part)
        for name, tensor in optimizers.state(self.optimizer).items():
            tensor.copy_(tensors[f"optimizer.{name}"])
        self.updates.copy_(tensors["updates"])
        torch.set_rng_state(tensors["chance"].cpu())
        self.rows, self.at, self.taken, self.losses = (record["rows"], record["at"], record["taken"],
                                                       Losses(len(self.net.heads)))
        seen = [dict(zip(steps, tensors[f"losses.{i}"])) if steps else {} for i, steps in enumerate(record["seen"])]
        for n in range(record["turns"]):
            self.losses.add({i: of[n] for i, of in enumerate(seen) if n in of})
        self.came(record["step"])


def parts(net, place):
    """The modules that are this worker's, and all borders, of which each worker has what is its own."""
    kept = [net.body[place.number], *(net.heads[i] for i in place.cells), *(net.objectives[i] for i in place.cells)]
    return [*kept, *(border for border in net.borders if border is not None)]


def keep(net, place):
    """Leave the parameters of other workers without memory: their shapes, and whether they are trained, stay."""
    own = {p for part in parts(net, place) for p in part.parameters()}
    for p in net.parameters():
        if p not in own:
            p.data = p.data.new_zeros(()).expand(p.shape)
