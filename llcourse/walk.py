"""Walks: one batch on its way through the cells of a network, step by step of a plan (see routes)."""

from collections import defaultdict

import torch

from .borders import Sample
from .cell import taken
from .wiring import IMAGE


class Walk:
    """Forward alone, as in evaluation: outputs stay connected, borders give what they give of this batch.

    `logits`, {loss: (batch, classes)}, fills as `run` goes along.
    """

    def __init__(self, net, x):
        self.net, self.outputs, self.logits = net, {IMAGE: x}, {}

    def run(self, steps):
        for step in steps:
            getattr(self, type(step).__name__.lower())(step)
        return self

    def forward(self, step):
        net, inputs = self.net, []
        for s in net.wiring.cells[step.cell]:
            border = net.borders[s] if s != IMAGE else None
            inputs.append(self.outputs[s] if border is None else border(self.outputs[s]))
        with net.autocast():
            self.outputs[step.cell] = net.body[step.cell](*inputs)

    def losses(self, step):
        with self.net.autocast():
            for i in step.losses:
                self.logits[i] = self.net.heads[i](*(self.outputs[j] for j in self.net.wiring.heads[i]))

    def forget(self, step):
        for j in step.cells:
            self.outputs.pop(j, None)


class TrainingWalk(Walk):
    """Forward on leaves, losses, and their gradients as messages; they end in `.grad` of the parameters.

    `values`, {loss: detached scalar}, fills as `run` goes along. A cell whose border has nothing for it yet misses its
    turn, and so do all that read it.
    """

    def __init__(self, net, x, y):
        super().__init__(net, x)
        self.cells = net.cells
        self.batch = Sample(x, x, y)
        self.outputs, self.given = {}, {}  # Samples: what heads get of a cell, what its readers get
        self.graphs, self.inbox, self.values = {}, defaultdict(list), {}

    def forward(self, step):
        j, net = step.cell, self.net
        sources = {s: self._sample(s) for s in net.wiring.cells[j]}
        if None in sources.values():
            return
        image, y = next((sample for s, sample in sources.items() if s != IMAGE), self.batch)[1:]
        inputs = {s: image if s == IMAGE else sample.h for s, sample in sources.items()}
        with net.autocast():
            graph = self.cells[j].forward(inputs, step.sends)
        self.outputs[j] = self.given[j] = Sample(graph.output, image, y)
        if step.sends is not None:
            self.graphs[j] = graph
        border = net.borders[j]
        if border is not None and border.holds:
            border.put(self.outputs[j])
        elif border is not None:
            with torch.no_grad(), net.autocast():
                self.given[j] = self.outputs[j]._replace(h=border(graph.output))

    def _sample(self, source):
        border = None if source == IMAGE else self.net.borders[source]
        if border is not None and border.holds:
            return border.take()
        return self.batch if source == IMAGE else self.given.get(source)

    def losses(self, step):
        wiring, leaves = self.net.wiring, {}
        with self.net.autocast():
            for i, wants in zip(step.losses, step.wants):
                read = {j: self.outputs.get(j) for j in wiring.heads[i]}
                if None not in read.values():
                    h = {j: sample.h for j, sample in read.items()}
                    self.logits[i], leaves[i] = self.cells[i].logits(h, wants)
            losses = {i: self._loss(i, leaves[i]) for i in leaves}
        for i, wants in zip(step.losses, step.wants):
            if i in losses:
                self.values[i] = losses[i].detach()
                self.back(losses.pop(i))
                for j in wants:
                    self.inbox[j].append((i, taken(leaves[i][j])))

    def _loss(self, i, leaves):
        sample = self.outputs[self.net.wiring.heads[i][0]]
        peers = {k: self.logits[k].detach() for k in self.net.wiring.peers(i) if k in self.logits}
        return self.cells[i].loss(self.logits[i], leaves, sample.image, sample.y, peers)

    def pull(self, step):
        """Every message for this pass, added up, goes through the cell at once."""
        graph, wanted = self.graphs.get(step.cell), step.message or step.trains
        messages = [message for i, message in self.inbox[step.cell] if i in wanted]
        if messages:  # else their losses missed this turn
            message = messages[0] if len(messages) == 1 else sum(messages[1:], messages[0])
            for s, gradient in self.through(graph, message, bool(step.trains), step.sources, step.last).items():
                self.inbox[s].append((wanted[0], gradient))
        if step.last:
            del self.inbox[step.cell]
            self.graphs.pop(step.cell, None)

    def back(self, loss):
        loss.backward()

    def through(self, graph, message, trains, sources, last):
        return graph.pull(message, trains, sources, last)

    def forget(self, step):
        for j in step.cells:
            self.outputs.pop(j, None)
            self.given.pop(j, None)
