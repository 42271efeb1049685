"""What a worker does and when, as it goes along."""

import time
from collections import Counter, deque
from contextlib import contextmanager

KEPT = 20_000  # events; older ones are gone, their seconds are not
WAITING = ("wait", "send")  # for another worker: for what it sends, or for room to send


class Log:
    """`with log("forward"): ...` notes an event (kind, step, start, end), on time.monotonic().

    One within another interrupts it: the outer one is two events then. What `on_the_wire` notes, of other threads, is
    beside what the worker does.
    """

    def __init__(self):
        self.events, self.wires, self.seconds = deque(maxlen=KEPT), deque(maxlen=KEPT), Counter()
        self.step, self.changes, self._open = 0, 0, []

    @contextmanager
    def __call__(self, kind):
        self._turn(lambda: self._open.append([kind, 0.0]))
        try:
            yield
        finally:
            self._turn(self._open.pop)

    def _turn(self, change):
        now = time.monotonic()
        if self._open:
            kind, start = self._open[-1]
            self.events.append((kind, self.step, start, now))
            self.seconds[kind] += now - start
        change()
        if self._open:
            self._open[-1][1] = now
        self.changes += 1

    @property
    def doing(self):
        """The kind of what the worker does at present, "" between two."""
        return self._open[-1][0] if self._open else ""

    def on_the_wire(self, kind, start):
        self.wires.append((kind, self.step, start, time.monotonic()))
