"""Workers of an exercise as threads that hand messages to each other: a send returns when the message is received."""

import contextlib
import ctypes
import threading
import time

from . import Wrong

PATIENCE = 0.5  # seconds without progress until waiting workers are stuck, where a worker has threads of its own
ENDLESS = 2.0  # and until one that does not wait is


class Meeting:
    """K workers that run `act(k, send, recv)` at once, k from 0 on.

    send(to, message) and recv(frm) wait for each other. `run` returns when all have ended, or raises: what a worker
    raised, or Wrong, which says who waits for whom. What else a worker calls runs `within(k)`: it counts as progress,
    and where it raises Wrong, the worker ends. The others go on until they end or wait, and of several that raised the
    first is told: so the same is said each time, whichever thread was faster.

    A worker is ended by SystemExit, which no `except Exception` catches and no thread of its own reports.
    """

    def __init__(self, K, act):
        self.K, self.act, self.changed = K, act, threading.Condition()
        self.offers, self.waiting = [], {k: [] for k in range(K)}  # of each worker: ("send to" or "receive from", whom)
        self.ended, self.raised, self.over, self.last = set(), {}, False, time.monotonic()

    @contextlib.contextmanager
    def within(self, k):
        try:
            yield
        except Wrong as wrong:
            self.raised.setdefault(k, wrong)
            raise SystemExit from None
        with self.changed:
            self._moved()

    def neighbour(self, k, other, does):
        if not isinstance(other, int) or abs(other - k) != 1 or not 0 <= other < self.K:
            raise Wrong(f"worker {k} {does} {other!r:.20}, which is no neighbour of it. Worker 0 has none below, "
                        "worker K - 1 none above")

    def run(self):
        threads = [threading.Thread(target=self._live, args=(k,), daemon=True) for k in range(self.K)]
        known = {*threading.enumerate(), *threads}
        for thread in threads:
            thread.start()
        stuck = None
        try:
            with self.changed:
                while len(self.ended) < self.K and not stuck:
                    self.changed.wait(0.02)
                    stuck = self._stuck(alone=known.issuperset(threading.enumerate()))
        finally:
            self._stop(threads)
        if self.raised:
            raise self.raised[min(self.raised)]
        if stuck:
            raise Wrong(stuck)

    def _live(self, k):
        try:
            self.act(k, lambda to, message: self._send(k, to, message), lambda frm: self._recv(k, frm))
        except SystemExit:
            pass
        except BaseException as error:  # of the learner's code: told by the thread that checks
            self.raised.setdefault(k, error)
        finally:
            with self.changed:
                self.ended.add(k)
                self._moved()

    def _send(self, k, to, message):
        with self.changed:
            offer = [k, to, message]
            self.offers.append(offer)
            self._wait(k, ("send to", to), lambda: all(offer is not other for other in self.offers))

    def _recv(self, k, frm):
        with self.within(k):
            self.neighbour(k, frm, "receives from")
        with self.changed:
            self._wait(k, ("receive from", frm), lambda: self._offered(frm, k) is not None)
            offer = self._offered(frm, k)
            self.offers = [other for other in self.offers if other is not offer]
            self._moved()
            return offer[2]

    def _offered(self, frm, to):
        return next((offer for offer in self.offers if offer[:2] == [frm, to]), None)

    def _wait(self, k, what, done):
        self.waiting[k].append(what)
        self.changed.notify_all()
        self.changed.wait_for(lambda: self.over or done())
        self.waiting[k].remove(what)
        if self.over:
            raise SystemExit

    def _moved(self):
        self.last = time.monotonic()
        self.changed.notify_all()

    def _stuck(self, alone):
        """Why nothing can happen any more, or None. alone: no worker has threads of its own."""
        left, idle = [k for k in range(self.K) if k not in self.ended], time.monotonic() - self.last
        meets = any(("receive from", frm) in self.waiting[to] for frm, to, _ in self.offers)
        taken = any(does == "send to" and self._offered(k, to) is None for k in left for does, to in self.waiting[k])
        if left and not meets and not taken and all(self.waiting[k] for k in left):
            if alone or idle > PATIENCE:
                return self._who_waits(left)
        elif left and idle > ENDLESS:
            busy = next((k for k in left if not self.waiting[k]), left[0])
            return (f"worker {busy} has neither sent, received nor computed for {ENDLESS:g} seconds: is there a loop "
                    "that never ends?")
        return None

    def _who_waits(self, left):
        """A ring of workers that wait for each other, or one that waits for a worker that has ended, in words."""
        chain, k = [], left[0]
        while k in left and k not in chain:
            chain.append(k)
            k = self.waiting[k][0][1]
        if k in chain:
            chain = chain[chain.index(k):]
        else:
            chain = chain[-1:]  # it waits for one that has ended
        verbs = [self.waiting[w][0] for w in chain]
        said = f"worker {chain[0]} waits to {verbs[0][0]} {verbs[0][1]}" + "".join(
            f", which waits to {does} {whom}" for does, whom in verbs[1:])
        if k not in chain:
            return said + (", which has ended. " + (
                "Not everything that is sent is received" if verbs[0][0] == "send to" else
                "More is received than is sent"))
        return said + ". " + {
            ("send to", "send to"): "Both send and neither receives: a send returns when the other receives. At each "
                                    "link one side has to receive while the other sends",
            ("receive from", "receive from"): "Both receive and nobody sends: one of them has to send first",
        }.get(tuple(sorted(does for does, _ in verbs)), "Nobody can go on: follow the two lines of code that wait")

    def _stop(self, threads):
        """End what still runs: what waits by itself, what computes at its next line."""
        with self.changed:
            self.over = True
            self.changed.notify_all()
        end = ctypes.pythonapi.PyThreadState_SetAsyncExc
        for _ in range(20):
            if not any(thread.is_alive() for thread in threads):
                return
            for thread in threads:
                thread.join(0.01)
                if thread.is_alive():
                    end(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
