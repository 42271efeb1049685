"""Walks: one batch on its way through the cells of a network, step by step of a plan (see routes)."""

from collections import defaultdict

import torch

from .borders import Sample
from .cell import outcome, taken, tensor_of, untouched
from .wiring import IMAGE

NO_IMAGE = "and the border that holds its batches keeps none: ReplayBuffer(M, images=True)"


class Walk:
    """Forward alone, as in evaluation: outputs stay connected, borders give what they give of this batch.

    `logits`, {loss: (batch, classes)}, fills as `run` goes along.
    """

    def __init__(self, net, x):
        if not isinstance(x, torch.Tensor | None):  # None where borders hold all that is read
            raise ValueError(f"a network is given one tensor, and modules hand on one; got a {type(x).__name__}")
        self.net, self.x = net, x
        self.outputs, self.given, self.logits = {}, {}, {}  # of each cell: what heads read, what other cells read
        self.context = {}  # of cells below, as far as it is read further up: what they were given

    def run(self, steps):
        for step in steps:
            getattr(self, type(step).__name__.lower())(step)
        return self

    def forward(self, step):
        j = step.cell
        with self.net.autocast():
            inputs = [self.x if s == IMAGE else self.crossed(s, self.outputs[s]) for s in self.net.wiring.cells[j]]
            inputs += [self.context[c] for c in self.net.wiring.context[j]]
            carried = self.net.wiring.carried[j]
            self.outputs[j], given = outcome(j + 1, self.net.body[j], *inputs, shows=j in carried)
        self.context = {c: t for c, t in (*self.context.items(), (j, given)) if c in carried}

    def losses(self, step):
        with self.net.autocast():
            for i in step.losses:
                read = [self.outputs[j] for j in self.net.wiring.heads[i]]
                self.logits[i] = tensor_of(f"head {i + 1}", self.net.heads[i], *read)

    def crossed(self, s, h):
        """What the border above cell s makes of its features: once a batch, however many cells read it."""
        if s not in self.given:
            border = self.net.borders[s]
            self.given[s] = h if border is None else tensor_of(f"border {s + 1}", border, h)
        return self.given[s]

    def forget(self, step):
        for j in step.cells:
            self.outputs.pop(j, None)
            self.given.pop(j, None)


class TrainingWalk(Walk):
    """Forward on leaves, losses, and their gradients as messages; they end in `.grad` of the parameters.

    `values`, {loss: detached scalar}, fills as `run` goes along. A cell whose border has nothing for it yet misses its
    turn, and so do all that read it.
    """

    def __init__(self, net, x, y):
        super().__init__(net, x)
        self.cells, self.batch = net.cells, Sample(x, x, y)
        self.graphs, self.inbox, self.values = {}, defaultdict(list), {}

    def forward(self, step):
        j = step.cell
        sources = {s: self.sample(s) for s in self.net.wiring.cells[j]}
        if None in sources.values():
            return
        _, image, y, context = next((sample for s, sample in sources.items() if s != IMAGE), self.batch)
        if image is None and IMAGE in sources:
            raise ValueError(f"module {j + 1} reads the image, {NO_IMAGE}")
        wiring = self.net.wiring
        carried = wiring.carried[j]
        if missing := sorted({*wiring.context[j], *carried} - {*context, j}):
            raise ValueError(f"what module {missing[0] + 1} was given is read further up, and a border that holds "
                             f"batches does not keep it: ReplayBuffer(M, context={max(map(len, wiring.carried))})")
        inputs = {s: image if s == IMAGE else sample.h for s, sample in sources.items()}
        with self.net.autocast():
            graph = self.cells[j].forward(inputs, step.sends, [context[c] for c in wiring.context[j]], j in carried)
        given = {c: t for c, t in (*context.items(), (j, graph.given)) if c in carried}
        self.outputs[j] = Sample(graph.output, image, y, given)
        if step.sends is not None:
            self.graphs[j] = graph
        self.hand_on(j, self.outputs[j])

    def hand_on(self, j, sample):
        """A border above cell j that holds batches gets this one; all others are crossed when somebody reads."""
        border = self.net.borders[j]
        if border is not None and border.holds:
            with untouched(f"border {j + 1}", sample.h, sample.image, sample.y, *sample.context.values()):
                border.put(sample)

    def sample(self, s):
        """The Sample that a reader of s gets, None if there is none for it."""
        if s == IMAGE:
            return self.batch
        border = self.net.borders[s]
        if border is not None and border.holds:
            return border.take()
        if s not in self.outputs:
            return None
        with torch.no_grad(), self.net.autocast():
            return self.outputs[s]._replace(h=self.crossed(s, self.outputs[s].h))

    def losses(self, step):
        logits, leaves, losses = {}, {}, {}
        with self.net.autocast():
            for i, wants in zip(step.losses, step.wants):
                read = {j: self.outputs.get(j) for j in self.net.wiring.heads[i]}
                if None not in read.values():
                    logits[i], leaves[i] = self.cells[i].logits({j: sample.h for j, sample in read.items()}, wants)
            for i in logits:
                sample = self.outputs[self.net.wiring.heads[i][0]]
                peers = {k: logits[k].detach() for k in self.net.peers(i) if k in logits}
                losses[i] = self.loss(i, logits[i], leaves[i], sample, peers)
        for i, wants in zip(step.losses, step.wants):
            if i in losses:
                self.values[i] = losses[i].detach()
                self.back(losses.pop(i))
                for j in wants:
                    self.deliver(i, j, taken(leaves[i][j]))

    def loss(self, i, logits, leaves, sample, peers):
        try:
            return self.cells[i].loss(logits, leaves, sample.image, sample.y, peers)
        except (AttributeError, TypeError) as error:
            if sample.image is None:
                raise ValueError(f"objective {i + 1} may read the image, {NO_IMAGE}") from error
            raise

    def pull(self, step):
        """Every message for this pass, added up, goes through the cell at once."""
        graph, wanted = self.graphs.get(step.cell), step.message or step.trains
        messages = [message for i, message in self.inbox[step.cell] if i in wanted]
        if messages and not graph.unused:  # else their losses missed this turn, or do not depend on the cell
            message = messages[0] if len(messages) == 1 else sum(messages[1:], messages[0])
            weight = self.net.weights[step.cell] if step.trains else 1.0
            message = message if weight == 1 else message * weight
            for s, gradient in self.carry(graph, message, bool(step.trains), step.sources, step.last).items():
                self.deliver(wanted[0], s, gradient if weight == 1 or gradient is None else gradient / weight)
        if step.last:
            del self.inbox[step.cell]
            self.graphs.pop(step.cell, None)

    def deliver(self, i, j, gradient):
        """Loss i's message, or a sum's whose first member it is, arrives at cell j; None where nothing depends on j."""
        if gradient is not None:
            self.inbox[j].append((i, gradient))

    def back(self, loss):
        loss.backward()

    def carry(self, graph, message, trains, sources, last):
        return graph.pull(message, trains, sources, last)
