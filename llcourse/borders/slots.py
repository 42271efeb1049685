"""Which of a replay buffer's M slots is written, and which is read: the rule alone, without tensors."""

from collections import Counter

from ..arguments import one_of, whole

TIES = ("freshest", "authors")


class Slots:
    """M slots, overwritten in a ring. A read takes the freshest of the least-used (Belilovsky et al. 2021, section 3).

    M: batches.   tie: which of the least-used is read. "freshest" is the one written last. "authors" is what their code
    does: in a full ring the oldest slot, the next to be overwritten, counts as the newest, so that it is read first.
    reuse: the most reads of one batch, or None for any number.
    written: batches so far.   staleness: of all reads, {batches written since that one: reads}.   reused: of the
    batches overwritten, {times read: batches}.

    >>> slots = Slots(2)
    >>> slots.write(), slots.write(), slots.read(), slots.read(), slots.read()
    (0, 1, 1, 0, 1)
    """

    def __init__(self, M, tie="freshest", reuse=None):
        self.M, self.tie = whole("M", M, 1), one_of("tie", tie, TIES)
        self.reuse = None if reuse is None else whole("reuse", reuse, 1)
        self.written, self.uses = 0, []  # uses: of each slot filled so far, how often its batch was read
        self.staleness, self.reused = Counter(), Counter()

    def age(self, slot):
        """How many batches were written after the one in this slot: 0 for the freshest."""
        return (self.written - 1 - slot) % self.M

    @property
    def mean_staleness(self):
        """Over all reads so far, in batches; NaN before the first."""
        reads = self.staleness.total()
        return sum(age * n for age, n in self.staleness.items()) / reads if reads else float("nan")

    def write(self):
        """The slot that the next batch goes to."""
        slot = self.written % self.M
        if slot < len(self.uses):
            self.reused[self.uses[slot]] += 1
            self.uses[slot] = 0
        else:
            self.uses.append(0)
        self.written += 1
        return slot

    def read(self):
        """The slot to read, counted as a use; None where there is none, or none that may be read again."""
        least = min(self.uses, default=None)
        if least is None or least == self.reuse:
            return None
        off = 1 if self.tie == "authors" and len(self.uses) == self.M else 0
        slot = min((s for s, n in enumerate(self.uses) if n == least), key=lambda s: (self.age(s) + off) % self.M)
        self.uses[slot] += 1
        self.staleness[self.age(slot)] += 1
        return slot

    def state(self):
        """All of it as a list of integers, for `restore`."""
        counts = [[len(counter), *(n for pair in sorted(counter.items()) for n in pair)]
                  for counter in (self.staleness, self.reused)]
        return [self.written, len(self.uses), *self.uses, *counts[0], *counts[1]]

    def restore(self, state):
        numbers = iter(state)
        self.written = next(numbers)
        self.uses = [next(numbers) for _ in range(next(numbers))]
        self.staleness, self.reused = (
            Counter({next(numbers): next(numbers) for _ in range(next(numbers))}) for _ in range(2))
