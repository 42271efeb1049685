"""`python -m llcourse worker FOLDER`: one worker of a job, as torchrun starts it, one for each module."""

import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import torch
import torch.distributed as dist

from ..memory import process_peak
from ..routes import Pull
from . import failures, saving, traffic
from .channel import Broken, Inbox, Outbox, connect
from .events import Log
from .job import load
from .meeting import Lost, Meeting, address, store
from .place import Place
from .shift import Shift

SET = "RANK", "WORLD_SIZE"  # by torchrun
GRACE = 1.0  # seconds; torchrun looks every tenth of one who has ended, and of several names one


def configure(parser):
    parser.add_argument("folder", help="where llcourse.distributed.prepare has written the job")


def main(args):
    """Train one module to the end, then say what was seen; exit status 1 after a failure, which lies in the folder."""
    if not all(name in os.environ for name in SET):
        print(f"{' and '.join(SET)} are not set: torchrun starts workers, torchrun --standalone --nproc-per-node=K "
              f"-m llcourse worker {args.folder}", file=sys.stderr)
        return 2
    log, began = Log(), time.time()
    identity = {"worker": int(os.environ["RANK"]) + 1, "host": socket.gethostname(), "pid": os.getpid(),
                "attempt": int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))}
    try:
        _work(Path(args.folder), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), log, identity)
        return 0
    except BaseException as error:
        failed = failure(error, identity, log, began, Path(args.folder))
        with suppress(OSError):  # a full disk, which may be the failure
            failures.note(args.folder, failed)
        print(f"worker {failed['worker']} on {failed['host']}, step {failed['step']}: {failed['cause']}",
              file=sys.stderr, flush=True)
        if failed["by"] is not None:
            time.sleep(GRACE)  # so that torchrun finds the other one dead, and not this one, and ends this one
        os._exit(1)  # threads may wait within a send or a receive that nobody will ever answer


def failure(error, identity, log, began, folder):
    """A failure as a dict: which worker, where, at which step, why; "by": who says so, if that is another one."""
    if isinstance(error, Lost):
        step = saving.done(folder, error.peer)  # newer than its last sign of life, where this host sees its file
        found = {"worker": error.peer + 1, "host": error.host, "step": error.step if step is None else step,
                 "cause": error.cause, "by": identity["worker"]}
    else:
        cause = f"{type(error).__name__}: {error}"
        found = identity | {"step": log.step, "cause": cause, "by": None, "trace": traceback.format_exc()}
    return found | {"attempt": identity["attempt"], "at": time.time(), "after": time.time() - began}


def _work(folder, number, workers, log, identity):
    signal.signal(signal.SIGTERM, _ended)
    job = load(folder)
    torch.set_num_threads(job.threads)
    if job.net.K != workers:
        raise ValueError(f"this job is for {job.net.K} workers, one a module, and torchrun has started {workers}")
    alone = folder if os.environ.get("LLCOURSE_ALONE") else None
    own, identity["attempt"] = store(alone, number, workers, job.timeout)
    meeting = Meeting(own, number, workers, job.timeout, log)
    try:
        with log("meet"):
            meeting.set_clock()
            hosts = meeting.share("host", identity["host"])
        place = Place(number, job.net, log, job.free)
        ends = connected(job, place, meeting, address(alone))
        with log("meet"):  # the first optimizer imports half of torch: where there is much to do, no hang
            shift = Shift(job, place, meeting, folder)
        start(shift, meeting, identity["attempt"])
        began = time.monotonic()
        shift.work()
        took = time.monotonic() - began
        with log("end"):
            for end in ends:
                end.close() if isinstance(end, Outbox) else end.join()
            meeting.share("done", True)
            said = identity | seen(shift, ends, meeting, began, took)
            failures.write(folder / f"worker-{number + 1}.json", said)
            for end in ends:
                end.group.shutdown()
        meeting.end()  # after a failure its thread may wait for ever: `main` ends the process without it
    except Broken as error:
        raise Lost(error.peer, hosts[error.peer], log.step, str(error)) from error


def connected(job, place, meeting, host):
    """Make the channels of a worker's place, from below: features up, gradients down where some come."""
    device = dist.ProcessGroupGloo.create_device(hostname=host)
    crossed = {s for phase in job.phases for step in job.net.plan(phase.losses) if isinstance(step, Pull)
               for s in step.sources}
    ends = []

    def made(kind, name, upper):
        with place.log("meet"):
            group = connect(meeting.store, name, upper, device, job.timeout)
        peer = place.number - 1 if upper else place.number + 1
        ends.append(kind(group, upper, peer, job.ahead, meeting.guard, place.log))
        return ends[-1]

    below, own = place.number - 1, place.number
    if below >= 0:
        place.below = made(Inbox, f"up/{below}", True)
        place.thence = made(Outbox, f"down/{below}", True) if below in crossed else None
    if own < job.net.K - 1:
        place.above = made(Outbox, f"up/{own}", False)
        place.sums = made(Inbox, f"down/{own}", False) if own in crossed else None
    return ends


def start(shift, meeting, attempt):
    """Go on from the newest step that all workers have saved, or from the beginning."""
    with shift.log("meet"):
        number = shift.place.number
        said = meeting.share("there", [saving.whole(shift.folder, number), shift.progress.done])
        common = set.intersection(*(set(steps) for steps, _ in said))
        step = max(common, default=0)
        if step:
            shift.resume(step)
        if number == 0:
            failures.started(shift.folder, attempt, step, [done for _, done in said])
        meeting.share("resumed", step)
    shift.came(shift.step)


def seen(shift, ends, meeting, began, took):
    """What a worker has to say in the end, times on worker 1's clock."""
    log, sent = shift.log, [end for end in ends if isinstance(end, Outbox)]
    counted = traffic.counted(but=int(os.environ.get("MASTER_PORT", 0))) or (None, None)  # there is torchrun's store
    below = shift.net.borders[shift.place.number - 1] if shift.place.number else None
    slots = getattr(below, "slots", None)  # of a replay buffer

    def told(events):
        return [[kind, step, a + meeting.offset, b + meeting.offset] for kind, step, a, b in events]

    return {"steps": shift.taken, "began": began + meeting.offset, "seconds": took, "spent": dict(log.seconds),
            "events": told(log.events), "wires": told(log.wires),
            "staleness": slots.mean_staleness if slots is not None and slots.staleness else None,
            "sent": list(shift.place.sent.items()),
            "bytes_sent": counted[0], "bytes_received": counted[1], "memory": process_peak("cpu"),
            "overwritten": sum(end.overwritten for end in sent),
            "queues": {name: list(end.lengths) for name in ("below", "above", "sums", "thence")
                       if (end := getattr(shift.place, name)) is not None}}


def _ended(number, frame):
    os._exit(128 + number)  # torchrun ends the others when one fails: they are not at fault
