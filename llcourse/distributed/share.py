"""Shares: a worker carries out its steps of a batch's plan, and exchanges what passes to and from the others'.

The plan is that of the whole network, the same in every worker, so each knows what comes when: nothing is announced.
"""

from contextlib import nullcontext

import torch

from ..borders import Sample
from ..routes import Forget, Forward, Losses, Pull
from ..walk import TrainingWalk, Walk
from ..wiring import IMAGE
from .chance import drawing_nothing, draws
from .parcel import image_travels, pack, unpack
from .wire import END, NOTHING, TENSORS, Message


def called(step):
    """What the log calls a step: a pass that hands a message on without training is a "vjp"."""
    kind = type(step).__name__.lower()
    return "vjp" if isinstance(step, Pull) and not step.trains else kind


def part(step):
    return f"head or objective {step.losses[0] + 1}" if isinstance(step, Losses) else f"module {step.cell + 1}"


def parcelled(gradient):
    if gradient is None:
        return Message(NOTHING), "gradient"
    return Message(TENSORS, (gradient,)), "gradient", gradient


class Share(TrainingWalk):
    """The steps of one worker, on leaves, and the messages between them. `acted`: whether its cell had its turn."""

    def __init__(self, net, x, y, place):
        super().__init__(net, x, y)
        self.place, self.acted, self.leaving = place, False, []  # leaving: gradients for the worker below

    def run(self, steps):
        self.running = {step.cell for step in steps if isinstance(step, Forward)}
        for step in steps:
            if isinstance(step, Forward) and not self.place.free:
                self.draw(step.cell)
            if not self.place.owns(step):
                self.elsewhere(step)
            elif isinstance(step, Forget):
                super().run((step,))
            else:
                with self.place.log(called(step)), nullcontext() if self.place.free else drawing_nothing(part(step)):
                    super().run((step,))
                if isinstance(step, Forward):
                    self.hand_up()
                for gradient in self.leaving:
                    self.place.send(self.place.thence, *parcelled(gradient))
                self.leaving = []
        return self

    def draw(self, cell):
        """Random numbers that codecs of other workers draw around a cell's forward pass: what is crossed is encoded
        before it, what is held behind it."""
        for s in (cell - 1, cell):
            border = self.net.borders[s] if s >= 0 and s != self.place.number else None
            if draws(border) and border.holds == (s == cell):
                border.sends.encoded_elsewhere()

    def elsewhere(self, step):
        """Another worker's step: what comes of it is received, at the place in the order where one process has it."""
        own = self.place.number
        if isinstance(step, Forward):
            if step.cell == own - 1 and (self.held(own - 1) or own in self.running):
                with self.place.log("wait"):
                    message = self.place.below.get()
                self.receive(message)
        elif isinstance(step, Pull) and own in step.sources:
            with self.place.log("wait"):
                message = self.place.sums.get()
            if message.kind == TENSORS:
                super().deliver((step.message or step.trains)[0], own, message.tensors[0])

    def held(self, s):
        border = self.net.borders[s]
        return border is not None and border.holds

    def receive(self, message):
        """A Sample has come from below: into the border that holds it, or there for the step to come."""
        self.place.ended = message.kind == END
        if message.kind == TENSORS:
            with self.place.log("unpack"):
                self.take_in(self.place.number - 1, message)

    def take_in(self, s, message):
        content, sample, dtype = unpack(self.net, s, message)
        border = self.net.borders[s]
        if self.held(s) and border.sends is not None:
            border.keep(content, sample, dtype)
        elif self.held(s):
            border.put(sample)
        else:
            if border is not None and border.sends is not None:
                with torch.no_grad(), self.net.autocast():
                    sample = sample._replace(h=border.sends.decode(content, dtype))
            self.outputs[s] = sample

    def sample(self, s):
        """At its own pace a worker reads what there is, and waits only where that is nothing."""
        place, waits = self.place, self.place.free and s != IMAGE and self.held(s)
        while waits and not place.ended and (message := place.below.poll()):
            self.receive(message)
        sample = super().sample(s)
        while waits and not place.ended and sample is None:
            with place.log("wait"):
                message = place.below.get()
            self.receive(message)
            sample = super().sample(s)
        return sample

    def crossed(self, s, h):
        return h  # on its way here

    def hand_up(self):
        """Send the reader what its Forward will ask for."""
        j = self.place.number
        self.acted = j in self.outputs
        if not (self.acted or self.place.free) and any(map(draws, self.net.borders)):
            raise ValueError(f"module {j + 1} misses a turn, and the others cannot know which random numbers its codec "
                             "does not draw: take a codec that draws none, or buffers without a limit of reuse")
        if self.place.above is None or not (self.held(j) or j + 1 in self.running):
            return
        message, like = Message(NOTHING), None
        if self.acted:
            with self.place.log("pack"):
                message, like = self.packed(j), self.outputs[j].h
        self.place.send(self.place.above, message, "features", like, offers=self.place.free and self.held(j))

    def packed(self, j):
        return pack(self.net, j, self.outputs[j], image_travels(self.net, j), self.place.free)

    def hand_on(self, j, sample):
        pass  # to the border: it is kept where its reader is

    def pull(self, step):
        super().pull(step)
        if self.place.number - 1 in step.sources and not self.leaving:
            self.leaving = [None]  # it is waited for

    def deliver(self, i, j, gradient):
        if j == self.place.number:
            super().deliver(i, j, gradient)
        else:
            self.leaving.append(gradient)


class Glance(Walk):
    """Forward alone, as in evaluation, of one worker's cell."""

    def __init__(self, net, x, place):
        super().__init__(net, x)
        self.place = place

    def run(self, steps):
        own = self.place.number
        running = {step.cell for step in steps if isinstance(step, Forward)}
        for step in steps:
            if self.place.owns(step):
                super().run((step,))
            elif isinstance(step, Forward) and step.cell == own - 1 and own in running:
                content, _, dtype = unpack(self.net, own - 1, self.place.below.get())
                border = self.net.borders[own - 1]
                self.outputs[own - 1] = content[0] if border is None or border.sends is None else (
                    border.sends.decode(content, dtype))
            if isinstance(step, Forward) and step.cell == own and own + 1 in running:
                h = self.outputs[own]
                self.place.send(self.place.above, pack(self.net, own, Sample(h, None, None), False), "scored", h)
        return self

    def crossed(self, s, h):
        return h
