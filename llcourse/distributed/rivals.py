"""What workers are measured against: one process, and the pipelines of torch.distributed.pipelining, on the same job.

`python -m llcourse.distributed.rivals FOLDER NAME`, with RANK in the environment, trains the job of a folder for one
epoch, at a constant learning rate, and writes to the folder what `seen` of a worker is: events, memory.
"""

import json
import os
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import psutil
import torch
import torch.distributed as dist
import torch.nn.functional as F

from .. import optimizers
from ..memory import process_peak
from ..steps import EagerStep
from .events import Log
from .failures import write
from .job import load

MICRO = 4  # micro-batches a batch


def one_process(job, log, number, store):
    """The engine's own step, without messages."""
    step, rates = EagerStep(job.net, job.recipe), [job.recipe.lr] * len(job.net.heads)
    for x, y in _batches(job, log):
        with log("step"):
            yield sum(step(x, y, rates, job.net.losses).values())


def pipelined(schedule, job, log, number, store):
    """Backprop through the modules of the job's network, a stage each; `schedule`: a name in torch's pipelining."""
    from torch.distributed import pipelining  # late: other rows start without it

    class Stage(pipelining.PipelineStage):
        def forward_one_chunk(self, *given, **settings):
            with log("forward"):
                return super().forward_one_chunk(*given, **settings)

        def backward_one_chunk(self, *given, **settings):
            with log("backward"):
                return super().backward_one_chunk(*given, **settings)

    def loss(logits, y):
        with log("forward"):
            return F.cross_entropy(logits.float(), y)

    net, first, last = job.net, number == 0, number == job.net.K - 1
    dist.init_process_group("gloo", store=store, rank=number, world_size=net.K, timeout=timedelta(seconds=job.timeout))
    stage = Stage(_Part(net, number), number, net.K, torch.device("cpu"))
    run = getattr(pipelining, schedule)(stage, MICRO, loss_fn=loss)
    optimizer = optimizers.make([net.cells[number]], job.recipe, job.images.device)
    optimizer.param_groups[0]["lr"] = job.recipe.lr
    for x, y in _batches(job, log, first):  # the others only draw the labels, each its own
        losses = []
        run.step(*([x] if first else []), target=y if last else None, losses=losses if last else None)
        with log("step"):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        yield torch.stack(losses).mean().detach() if last else None
    dist.destroy_process_group()


RIVALS = {"one process": one_process, "GPipe": partial(pipelined, "ScheduleGPipe"),
          "1F1B": partial(pipelined, "Schedule1F1B")}


class _Part(torch.nn.Module):
    """A stage's module. gloo refuses channels_last: maps travel as (batch, H, W, C), which is how they lie."""

    def __init__(self, net, number):
        super().__init__()
        self.body, self.head = net.body[number], net.heads[number] if number == net.K - 1 else None
        self.first, self.autocast = number == 0, net.autocast

    def forward(self, x):
        with self.autocast():
            h = self.body(x if self.first else x.permute(0, 3, 1, 2))
            return h.permute(0, 2, 3, 1).contiguous() if self.head is None else self.head(h)


def _batches(job, log, augment=True):
    images = job.images.batches(job.recipe.batch, torch.Generator().manual_seed(job.seed),
                                augment=augment and job.recipe.augment)
    for log.step in range(job.batches):
        with log("load"):
            x, y = next(images)
        yield x, y


def run(folder, name, processes):
    """Train the job in `folder`, as `prepare` has written it, by the rival of this name in RIVALS; return what its
    processes have written, a dict each. Raises RuntimeError if one of them fails."""
    package = str(Path(__file__).parents[2])
    threads = str(load(folder).threads)
    loopback = next(name for name, at in psutil.net_if_addrs().items() if any(a.address == "127.0.0.1" for a in at))
    here = os.environ | {"OMP_NUM_THREADS": threads, "GLOO_SOCKET_IFNAME": loopback,
                         "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    started, log = [], folder / "rival.log"
    with open(log, "w") as said:
        try:
            for number in range(processes):
                started.append(subprocess.Popen(
                    [sys.executable, "-m", "llcourse.distributed.rivals", str(folder), name],
                    env=here | {"RANK": str(number), "WORLD_SIZE": str(processes)}, stdout=said, stderr=said))
            failed = any([process.wait() for process in started])  # who has lost its peer ends too
        finally:
            for process in started:
                process.kill()
                process.wait()
    if failed:
        raise RuntimeError(f"{name} failed: {log.read_text(errors='replace')[-2000:]}")
    return [json.loads((folder / f"rival-{number}.json").read_text()) for number in range(processes)]


def main(folder, name, number, processes):
    job, log = load(folder), Log()
    torch.set_num_threads(job.threads)
    store = dist.FileStore(str(folder / "rivals"), processes)
    losses = list(RIVALS[name](job, log, number, store))
    write(folder / f"rival-{number}.json", {
        "worker": number + 1, "pid": os.getpid(), "events": list(log.events), "wires": [],
        "memory": process_peak("cpu"), "losses": [None if loss is None else loss.item() for loss in losses]})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
