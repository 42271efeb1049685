"""Channels between two workers: a thread sends or receives while the worker computes; queues of both are bounded."""

import queue
import re
import threading
import time
from collections import deque
from datetime import timedelta

import torch.distributed as dist

from .wire import CLOSE, Message, Reader, Writer

LOOK = 0.2  # seconds between two looks, while waiting, at whether the others still live
FOREVER = timedelta(days=365)  # of one send or receive: who waits too long is found out by signs of life


class Broken(ConnectionError):
    """The wire to another worker broke. peer: its number from 0."""

    def __init__(self, peer, why):
        super().__init__(f"the connection to worker {peer + 1} broke ({why})")
        self.peer = peer


def connect(store, name, upper, device, timeout):
    """A process group of the two workers at the ends of one channel, under a name of its own in the store.

    upper: whether this is the end that is rank 1.   device: gloo's, which says the address that it binds to.
    """
    options = dist.ProcessGroupGloo._Options()
    options._devices, options._threads, options._timeout = [device], 1, timedelta(seconds=timeout)
    group = dist.ProcessGroupGloo(dist.PrefixStore(name, store), int(upper), 2, options)
    group._set_default_timeout(FOREVER)
    return group


class _End:
    """One end of a channel. guard: called while waiting; raises if another worker is lost.   log: a Log."""

    def __init__(self, group, upper, peer, ahead, guard, log):
        self.log = log
        self.group, self.other, self.peer, self.ahead, self.guard = group, int(not upper), peer, ahead, guard
        self.error, self.lengths = None, deque(maxlen=10_000)  # of the queue, whenever it was looked at
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.work()
        except Exception as error:  # of gloo, when the other end is gone
            why = re.sub(r"^\[\S+:\d+\] ", "", str(error).partition("\n")[0])  # where in gloo's source
            self.error = Broken(self.peer, why)

    def _look(self):
        self.guard()
        if self.error is not None:
            raise self.error

    def join(self):
        """Wait until the thread has done all that it had to."""
        while self.thread.is_alive():
            self._look()
            self.thread.join(LOOK)
        self._look()


class Outbox(_End):
    """Sends messages in their order. `overwritten`: messages that `offer` has thrown away."""

    def __init__(self, *args):
        self.waiting, self.room = deque(), threading.Condition()
        self.overwritten, self.writer = 0, Writer(self._send)
        super().__init__(*args)

    def put(self, message):
        """Queue a message; while `ahead` of them wait, so does the caller: a slow reader holds its writer back."""
        with self.room:
            while len(self.waiting) >= self.ahead:
                self._look()
                self.room.wait(LOOK)
            self._queue(message, False)

    def offer(self, message):
        """Queue a message at once, in place of the oldest that was offered if `ahead` messages wait; only where none of
        them was, wait as `put` does."""
        with self.room:
            while len(self.waiting) >= self.ahead:
                oldest = next((n for n, (_, offered) in enumerate(self.waiting) if offered), None)
                if oldest is not None:
                    del self.waiting[oldest]
                    self.overwritten += 1
                else:
                    self._look()
                    self.room.wait(LOOK)
            self._queue(message, True)

    def close(self):
        self.put(Message(CLOSE))
        self.join()

    def _queue(self, message, offered):
        if self.error is not None:
            raise self.error
        self.waiting.append((message, offered))
        self.lengths.append(len(self.waiting))
        self.room.notify_all()

    def work(self):
        message = None
        while message is None or message.kind != CLOSE:
            with self.room:
                while not self.waiting:
                    self.room.wait()
                message, _ = self.waiting.popleft()
                self.room.notify_all()
            start = time.monotonic()
            self.writer.write(message)
            self.log.on_the_wire("sent", start)

    def _send(self, row):
        self.group.send([row], self.other, 0).wait(FOREVER)


class Inbox(_End):
    """Receives messages in their order. While `ahead` of them wait no more are taken off the wire."""

    def __init__(self, group, upper, peer, ahead, *others):
        self.queue, self.reader = queue.Queue(ahead), Reader(self._receive)
        super().__init__(group, upper, peer, ahead, *others)

    def get(self):
        """The next message; waits for it."""
        while True:
            try:
                return self.queue.get(timeout=LOOK)
            except queue.Empty:
                self._look()

    def poll(self):
        """The next message, None if there is none yet."""
        try:
            return self.queue.get_nowait()
        except queue.Empty:
            self._look()
            return None

    def work(self):
        message = None
        while message is None or message.kind != CLOSE:
            message = self.reader.read()
            self.log.on_the_wire("received", self.reader.began)
            if message.kind != CLOSE:
                self.queue.put(message)
                self.lengths.append(self.queue.qsize())

    def _receive(self, row):
        self.group.recv([row], self.other, 0).wait(FOREVER)
