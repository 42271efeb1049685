"""Shares: a worker carries out its steps of a batch's plan, and exchanges what passes to and from the others'.

The plan is that of the whole network, the same in every worker, so each knows what comes when: nothing is announced.
"""

from contextlib import contextmanager, nullcontext

import torch

from ..borders import Sample
from ..cell import tensor_of
from ..routes import Forward, Losses, Pull
from ..walk import TrainingWalk, Walk
from ..wiring import IMAGE
from .wire import END, NOTHING, TENSORS, Message

KINDS = {Forward: "forward", Losses: "loss", Pull: "pull"}  # as the log calls these steps


class Place:
    """Where a worker stands in a chain: its number, from 0, and its channels, None where there is none.

    below, above: features that come and go; sums, thence: gradients that come from above and go below.   log: a Log.
    free: it acts at its own pace, and so do the others.
    """

    def __init__(self, number, net, log, free=False):
        self.number, self.log, self.free = number, log, free
        self.below = self.above = self.sums = self.thence = None
        self.ended = False  # whether the worker below has come to the end of its epoch
        own = range(number, len(net.heads) if number == net.K - 1 else number + 1)
        self.cells = tuple(own)  # its cell, and heads alone above the last one

    def owns(self, step):
        return step.losses[0] in self.cells if isinstance(step, Losses) else (
            not hasattr(step, "cell") or step.cell == self.number)


def image_travels(net, number):
    """Whether cells above this one read the image, or may: then it goes with the features."""
    reads = any(IMAGE in sources for sources in net.wiring.cells[number + 1:])
    return reads or any(getattr(objective, "reads_image", True) for objective in net.objectives[number + 1:])


def pack(net, s, sample, image):
    """The message that the reader of cell s gets; its border encodes or changes the features here, where they are
    made. image: whether it goes along."""
    border = net.borders[s]
    keeps = border is not None and border.holds and border.training  # in evaluation it is crossed
    with torch.no_grad(), nullcontext() if keeps else net.autocast():
        if border is not None and border.sends is not None:
            content = border.sends.encode(sample.h)
        else:
            content = [sample.h if border is None or keeps else tensor_of(f"border {s + 1}", border, sample.h)]
    rest = [t for t in (sample.y, sample.image if image else None) if t is not None]
    note = [str(sample.h.dtype).removeprefix("torch."), list(sample.h.shape), len(content), len(rest)]
    return Message(TENSORS, apart(net, (*content, *rest)), note)


def apart(net, tensors):
    """The tensors; a copy of each that lies in a border's memory, which may change before it is sent."""
    kept = {buffer.untyped_storage().data_ptr() for border in net.borders if border is not None
            for buffer in border.buffers()}
    return tuple(t.clone() if t.untyped_storage().data_ptr() in kept else t for t in tensors)


def unpack(net, s, message):
    """(content, Sample with what the border makes of it, dtype) of a message that `pack` has made."""
    name, shape, fields, rest = message.note
    content, others = message.tensors[:fields], (*message.tensors[fields:], None, None)[:2]
    border, dtype = net.borders[s], getattr(torch, name)
    if border is not None and border.sends is not None:
        border.sends.encoded_elsewhere(shape)
    return content, Sample(content[0], others[1], others[0]), dtype


@contextmanager
def drawing_nothing(step):
    """ValueError if the block draws from torch's generator: of one process that is one stream, of K workers K."""
    before = torch.get_rng_state()
    yield
    if not torch.equal(before, torch.get_rng_state()):
        part = f"head or objective {step.losses[0] + 1}" if isinstance(step, Losses) else f"module {step.cell + 1}"
        raise ValueError(f"{part} draws random numbers, as dropout does: one process has one stream of them, workers "
                         "have one each, and results would differ: leave that out, or train in one process")


class Share(TrainingWalk):
    """The steps of one worker, on leaves, and the messages between them. `acted`: whether its cell had its turn."""

    def __init__(self, net, x, y, place):
        super().__init__(net, x, y)
        self.place, self.acted = place, False

    def run(self, steps):
        self.running = {step.cell for step in steps if isinstance(step, Forward)}
        for step in steps:
            if isinstance(step, Forward) and not self.place.free:
                self.draw(step.cell)
            if not self.place.owns(step):
                self.elsewhere(step)
            elif type(step) in KINDS:
                with self.place.log(KINDS[type(step)]), nullcontext() if self.place.free else drawing_nothing(step):
                    super().run((step,))
            else:
                super().run((step,))
            if isinstance(step, Forward) and step.cell == self.place.number:
                self.hand_up()
        return self

    def draw(self, cell):
        """Random numbers that codecs of other workers draw around a cell's forward pass: what is crossed is encoded
        before it, what is held behind it."""
        for s in (cell - 1, cell):
            border = self.net.borders[s] if s >= 0 and s != self.place.number else None
            if border is not None and border.sends is not None and border.holds == (s == cell):
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
        s = self.place.number - 1
        self.place.ended = message.kind == END
        if message.kind != TENSORS:
            return
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
        if self.place.free and self.held(s):
            self.take_in()
        return super().sample(s)

    def take_in(self):
        """At its own pace a worker reads what there is, and waits where that is nothing."""
        place, border = self.place, self.net.borders[self.place.number - 1]
        while not place.ended and (message := place.below.poll()):
            self.receive(message)
        while not place.ended and not border.ready:
            with place.log("wait"):
                message = place.below.get()
            self.receive(message)

    def crossed(self, s, h):
        return h  # on its way here

    def hand_up(self):
        """Send the reader what its Forward will ask for."""
        j = self.place.number
        self.acted = j in self.outputs
        if self.place.above is not None and (self.held(j) or j + 1 in self.running):
            message = pack(self.net, j, self.outputs[j], image_travels(self.net, j)) if self.acted else Message(NOTHING)
            with self.place.log("send"):
                above = self.place.above
                (above.offer if self.place.free and self.held(j) else above.put)(message)

    def hand_on(self, j, sample):
        pass  # to the border: it is kept where its reader is

    def pull(self, step):
        self.delivered = False
        super().pull(step)
        if self.place.number - 1 in step.sources and not self.delivered:
            self.place.thence.put(Message(NOTHING))

    def deliver(self, i, j, gradient):
        if j == self.place.number:
            super().deliver(i, j, gradient)
        else:
            self.delivered = True
            with self.place.log("send"):
                self.place.thence.put(Message(NOTHING) if gradient is None else Message(TENSORS, (gradient,)))


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
                content, sample, dtype = unpack(self.net, own - 1, self.place.below.get())
                border = self.net.borders[own - 1]
                self.outputs[own - 1] = content[0] if border is None or border.sends is None else (
                    border.sends.decode(content, dtype))
            if isinstance(step, Forward) and step.cell == own and own + 1 in running:
                self.place.above.put(pack(self.net, own, Sample(self.outputs[own], None, None), False))
        return self

    def crossed(self, s, h):
        return h
