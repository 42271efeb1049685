"""Where workers meet: what all must know, one clock, and signs of life. All of it goes through torch's store."""

import json
import os
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

from .roster import gathered

LOOK = 0.005  # seconds between two looks for a key
PINGS = 8
PATIENCE = 10  # times `timeout`: until who has given no sign of life yet is missed


class Lost(RuntimeError):
    """Another worker is lost. peer: its number from 0.   cause, doing, step: of that worker."""

    def __init__(self, peer, host, step, cause):
        super().__init__(f"worker {peer + 1} on {host}, step {step}: {cause}")
        self.peer, self.host, self.step, self.cause = peer, host, step, cause


def store(folder, number, workers, timeout):
    """(the store of this attempt, how many there were before). Workers that `launch` has started share a file, and
    nothing listens; others take the store at torchrun's MASTER_ADDR, which its rendezvous has named."""
    patience = timedelta(seconds=timeout)
    if folder is not None:
        attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        made = dist.FileStore(str(Path(folder, f"meeting-{attempt}")), workers)
        made.set_timeout(patience)
        return made, attempt
    there = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # else worker 1 is who has it
    made = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=number == 0 and not there,
                         timeout=patience, wait_for_workers=False)
    return gathered(made, number, workers, PATIENCE * timeout)


def address(folder):
    """The address of this host that the others reach it by: loopback unless torchrun's rendezvous is elsewhere."""
    if name := os.environ.get("LLCOURSE_BIND"):
        return name
    master = os.environ.get("MASTER_ADDR", "127.0.0.1")
    if folder is not None or master in ("localhost", "127.0.0.1", "::1"):
        return "127.0.0.1"
    (family, kind, _, _, there), *_ = socket.getaddrinfo(master, 9, type=socket.SOCK_DGRAM)
    with socket.socket(family, kind) as probe:
        probe.connect(there)  # of a datagram socket: sends nothing, and says which way it would go
        return probe.getsockname()[0]


def clock():
    """A name for what time.monotonic() reads here: processes of one boot of one machine read the same."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/time")
    except OSError:
        return f"{socket.gethostname()} {os.getpid()}"


def orphaned(parent):
    """Whether torchrun, this process's parent, is gone, or who has launched it."""
    if os.getppid() != parent:
        return True
    try:
        if os.name == "posix":  # elsewhere to ask for a process by signal 0 is to end it
            os.kill(int(os.environ.get("LLCOURSE_LAUNCHER", parent)), 0)
    except ProcessLookupError:
        return True
    return False


class Meeting:
    """One worker's view of all: its number from 0, how many there are, and the store."""

    def __init__(self, store, number, workers, timeout, log):
        self.store, self.number, self.workers, self.timeout, self.log = store, number, workers, timeout, log
        self.lost, self.offset, self._ended = None, 0.0, threading.Event()
        self.beaten, self.hosts = time.monotonic(), {}  # when the last sign of life was given; {worker: its host}
        self._thread = threading.Thread(target=self._pulse, args=(store.clone(),), daemon=True)
        self._thread.start()

    def guard(self):
        """Raise Lost if another worker is."""
        silent = time.monotonic() - self.beaten
        if self.lost is None and silent > 2 * self.timeout:  # its thread waits: a link that is cut says nothing
            self.lost = self._gone(f"does not answer, for {silent:.0f} s")
        if self.lost is not None:
            raise self.lost

    def share(self, name, value):
        """What every worker says under this name, in their order; waits until all have."""
        self.store.set(f"{name}/{self.number}", json.dumps(value))
        return [json.loads(self._get(f"{name}/{j}")) for j in range(self.workers)]

    def least(self, name, step):
        """The least of the steps that the workers have given under this name, each its newest; 0 if one has not."""
        self.store.set(f"least/{name}/{self.number}", str(step))
        keys = [f"least/{name}/{j}" for j in range(self.workers)]
        return min(int(self.store.get(key)) if self.store.check([key]) else 0 for key in keys)

    def _get(self, key):
        began = time.monotonic()
        while not self.store.check([key]):
            self.guard()
            if self.lost is None and time.monotonic() - began > PATIENCE * self.timeout:
                raise TimeoutError(f"nobody has said {key!r} in {PATIENCE * self.timeout:g} s")
            time.sleep(LOOK)
        return self.store.get(key)

    def set_clock(self):
        """Measure what this worker's clock is behind worker 1's: `offset`, seconds to add to time.monotonic()."""
        clocks = self.share("clock", clock())
        for j in (j for j in range(1, self.workers) if clocks[j] != clocks[0]):
            best = None
            for n in range(PINGS):
                if self.number == j:
                    began = time.monotonic()
                    self.store.set(f"ping/{j}/{n}", "")
                    there = float(self.store.get(f"pong/{j}/{n}"))  # waits for it, and does not sleep
                    took = time.monotonic() - began
                    best = min(best or (took, 0.0), (took, there - began - took / 2))
                elif self.number == 0:
                    self.store.get(f"ping/{j}/{n}")
                    self.store.set(f"pong/{j}/{n}", repr(time.monotonic()))
            if best:
                self.offset = best[1]

    def end(self):
        """No more signs of life: before the store goes, for a thread within it would end the process."""
        self._ended.set()
        self._thread.join()

    def _pulse(self, store):
        """Say every second that this worker lives, and how far it is; look who has stopped to, or hangs."""
        host, parent, every = socket.gethostname(), os.getppid(), min(1.0, self.timeout / 5)
        seen = {j: (None, None, time.monotonic(), time.monotonic()) for j in range(self.workers) if j != self.number}
        beat = 0
        while not self._ended.wait(every if beat else 0):  # the first at once: it says on which host this worker is
            beat += 1
            if orphaned(parent):
                os._exit(1)  # nobody would ever end this process
            try:
                waits = self.log.doing in ("wait", "send", "meet", "end")
                store.set(f"pulse/{self.number}", json.dumps(
                    [beat, self.log.changes, waits, self.log.step, host, self.log.doing]))
                for j in seen:
                    said = json.loads(store.get(f"pulse/{j}")) if store.check([f"pulse/{j}"]) else None
                    seen[j] = self._judged(j, said, *seen[j])
                self.beaten = time.monotonic()
            except Exception as error:  # the store went away: so did the worker that has it
                if not self._ended.is_set():
                    self.lost = self.lost or self._gone(f"is gone ({error})")
                return

    def _gone(self, why):
        return Lost(0, self.hosts.get(0, "an unknown host"), self.log.step, f"the store that all meet at, there, {why}")

    def _judged(self, j, said, before, moved, alive, busy):
        """before: what worker j said last; alive, busy: since when it has not said more, or not come further."""
        now = time.monotonic()
        if said != before:
            alive, self.hosts[j] = now, said[4]
        if said is None or said[2] or said[1] != moved:  # whoever waits for another does not hang itself
            busy, moved = now, said and said[1]
        if said and said[5] == "end":
            return said, moved, now, now
        if now - alive > self.timeout:
            self._miss(j, said, f"gives no sign of life, for {now - alive:.0f} s")
        elif alive == now and now - busy > self.timeout:  # it lives, and says so
            self._miss(j, said, f"hangs in {said[5] or 'its work'}, for {now - busy:.0f} s")
        return said, moved, alive, busy

    def _miss(self, j, said, why):
        self.lost = self.lost or Lost(j, said[4] if said else "an unknown host", said[3] if said else 0, why)
