"""Places: where a worker stands in the chain, and what it has to do with."""

from collections import Counter

from ..routes import Losses


class Place:
    """Where a worker stands in a chain: its number, from 0, and its channels, None where there is none.

    below, above: features that come and go; sums, thence: gradients that come from above and go below.   log: a Log.
    free: it acts at its own pace, and so do the others.   sent: how often it sent what, {(kind, images, bytes of a
    feature): messages}, kinds as the log has them; of these, bytes follow without a look at the wire.
    """

    def __init__(self, number, net, log, free=False):
        self.number, self.log, self.free = number, log, free
        self.below = self.above = self.sums = self.thence = None
        self.sent = Counter()
        self.ended = False  # whether the worker below has come to the end of its epoch
        own = range(number, len(net.heads) if number == net.K - 1 else number + 1)
        self.cells = tuple(own)  # its cell, and heads alone above the last one

    def send(self, channel, message, kind, like=None, offers=False):
        """Queue a message. like: the features, or their gradient, that it is about."""
        if like is not None:
            self.sent[kind, len(like), like.element_size()] += 1
        with self.log("send"):
            (channel.offer if offers else channel.put)(message)

    def owns(self, step):
        return step.losses[0] in self.cells if isinstance(step, Losses) else (
            not hasattr(step, "cell") or step.cell == self.number)
