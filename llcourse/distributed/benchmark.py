"""`python -m llcourse bench workers`: a network of two modules, trained by workers, by one process and by pipelines."""

import statistics
import tempfile
from bisect import bisect_left
from collections import namedtuple
from functools import cache
from pathlib import Path

import torch

from .. import data, networks, reach, timeline
from ..arguments import whole
from ..copying import copied
from ..precision import choose
from ..recipe import Recipe
from ..steps import channels_last
from ..tables import Table
from . import rivals
from .job import prepare
from .launch import launch
from .report import WAITING

Row = namedtuple("Row", "name reach rival processes threads")
# reach: a function of K.   rival: a name in rivals.RIVALS, None for workers.   threads: of each process
ROWS = [
    Row("one process", reach.local, "one process", 1, 1),
    Row("one process", reach.local, "one process", 1, 2),
    Row("one process, backprop", reach.backprop, "one process", 1, 2),
    Row("decoupled workers", reach.local, None, 2, 1),
    Row("GPipe", reach.backprop, "GPipe", 2, 1),
    Row("1F1B", reach.backprop, "1F1B", 2, 1),
    Row("interlocking workers", lambda K: reach.interlocking(K, 2), None, 2, 1),
]
SKIPPED = 3  # batches at each end of a run that do not count: workers come into step, or have come to their end
NOTES = [
    "images/s of the slowest process. x thread, x 1F1B: over those of one process of one thread, and of 1F1B.",
    "busy: work for a batch, of each process, over seconds a batch. transport: of these seconds, those in which it "
    "packed, unpacked, or waited while a message was on the wire. simulated: what the simulator of time makes of the "
    "measured parts, over what was measured. MiB: the most that each process held, PyTorch included.",
    "GPipe and 1F1B: torch.distributed.pipelining, backprop in 4 micro-batches. Interlocking, 2-wise, is backprop "
    "where there are two modules: workers that wait for each other."]


def rows(depth=32, batch=128, rounds=3, steps=12):
    """Measure ROWS on a ResNet, cut in two where both workers are equally long; return one dict a row, medians over
    `rounds` launches of each, in turn.

    Keys: name, processes, threads, cut (the last block of the lower half), precision; seconds a batch, images_per_s,
    over_thread, over_1f1b (speed over that of these rows in the same round), busy and transport (shares, a list of one
    a process; transport None for rivals), memory (bytes, of each), simulated (over measured seconds; None for one
    process). Raises ValueError for a batch that cannot be split into micro-batches.
    """
    rounds, steps, batch = whole("rounds", rounds, 1), whole("steps", steps, 1), whole("batch", batch, 2 * rivals.MICRO)
    if batch % rivals.MICRO:
        raise ValueError(f"batch is {batch}; GPipe and 1F1B split it into {rivals.MICRO} micro-batches of one size")
    images = data.load("cifar10", train=(steps + 2 * SKIPPED) * batch, test=batch)
    precision = _precision()
    recipe = Recipe(batch=batch, lr=0.01, precision=precision)
    net, border = halves(depth, images, recipe, steps)
    every = [[_measured(row, net, images, recipe, steps) for row in ROWS] for _ in range(rounds)]
    for measured in every:
        one, pipeline = (next(m["seconds"] for row, m in zip(ROWS, measured) if (row.rival, row.threads) == wanted)
                         for wanted in (("one process", 1), ("1F1B", 1)))
        for m in measured:
            m |= {"images_per_s": batch / m["seconds"], "over_thread": one / m["seconds"],
                  "over_1f1b": pipeline / m["seconds"]}
    return [{"name": row.name, "processes": row.processes, "threads": row.threads, "cut": border,
             "precision": precision, **{key: _median([measured[n][key] for measured in every])
                                        for key in every[0][n]}} for n, row in enumerate(ROWS)]


def _precision():
    """The faster one, of one thread."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        return "float32" if choose("auto", "cpu").dtype is None else "bfloat16"
    finally:
        torch.set_num_threads(threads)


def halves(depth, images, recipe, steps):
    """(a ResNet cut in two, the last block of the lower half): the cut at which the slower of two decoupled workers has
    the least share of the work, by launches of cuts that are tried."""
    def network(end):
        torch.manual_seed(0)
        whole = networks.resnet(depth)
        whole.published = {2: [whole.block_names[end - 1]]}
        return channels_last(whole.cut(2)), whole.block_names[end - 1]

    @cache
    def share(end):  # of worker 1
        first, second = figures(launch(network(end)[0], images, 1, recipe=recipe, threads=1).workers, steps)["busy"]
        return first / (first + second)

    ends = range(1, len(networks.resnet(depth).blocks))
    first = bisect_left(ends, 0.5, key=share)
    return network(min(ends[max(first - 1, 0):first + 1], key=lambda end: abs(share(end) - 0.5)))


def _measured(row, net, images, recipe, steps):
    """What one launch gives: a dict of seconds, busy, transport, memory, simulated."""
    net = copied(net)
    net.reach = row.reach(net.K)
    if row.rival is None:
        report = launch(net, images, 1, recipe=recipe, threads=row.threads)
        return figures(report.workers, steps) | {
            "simulated": report.pace()["simulated"] / pace(report.workers, steps)}
    with tempfile.TemporaryDirectory(prefix="llcourse-") as folder:
        prepare(folder, net, images, 1, recipe=recipe, threads=row.threads)
        processes = rivals.run(Path(folder), row.rival, row.processes)
    found = figures(processes, steps) | {"transport": None, "simulated": None}
    if row.rival in timeline.PIPELINES:
        times = pipeline_times(processes, steps)
        found["simulated"] = timeline.batch_time(net.reach, micro=rivals.MICRO, pipeline=row.rival, **times
                                                 ) / found["seconds"]
    return found


def figures(workers, steps):
    """Seconds a batch, and of each worker the shares busy and in transport, and its memory.

    workers: dicts as in Report.workers, of a run of `steps` batches and SKIPPED at each end. A worker that is ahead
    works as fast as its queue has room: what it does for a batch counts, not how far it got.
    """
    seconds, wires = pace(workers, steps), _union([wire for worker in workers for kind, _, *wire in worker["wires"]
                                                   if kind == "received"])
    busy, transport = [], []
    for worker in workers:
        events = _counted(worker, steps)
        busy.append(sum(b - a for kind, _, a, b in events if kind not in WAITING) / steps / seconds)
        transport.append(sum((b - a) if kind in ("pack", "unpack") else _overlap(a, b, wires)
                             for kind, _, a, b in events if kind in ("pack", "unpack", *WAITING)) / steps / seconds)
    return {"seconds": seconds, "busy": busy, "transport": transport,
            "memory": [worker["memory"] for worker in workers]}


def pace(workers, steps):
    """Seconds a batch of the slowest worker, from the end of one optimizer's step to that of another."""
    ends = [{step: b for kind, step, _, b in worker["events"] if kind == "step"} for worker in workers]
    return max((of[SKIPPED + steps - 1] - of[SKIPPED - 1]) / steps for of in ends)


def pipeline_times(processes, steps):
    """Seconds of a micro-batch at each stage, as `timeline.simulate` takes them; a backward pass is split in halves."""
    forward, backward = ([sum(b - a for kind, _, a, b in _counted(process, steps) if kind in kinds)
                          / steps / rivals.MICRO for process in processes]
                         for kinds in (("load", "forward"), ("backward", "step")))
    half = [seconds / 2 for seconds in backward]
    return {"forward": forward, "vjp": half, "weight": half}


def _counted(worker, steps):
    return [event for event in worker["events"] if SKIPPED <= event[1] < SKIPPED + steps]


def _union(spans):
    """Spans of time that cover the same as these, apart from each other."""
    apart = []
    for a, b in sorted(spans):
        if apart and a <= apart[-1][1]:
            apart[-1][1] = max(b, apart[-1][1])
        else:
            apart.append([a, b])
    return apart


def _overlap(a, b, spans):
    return sum(max(0.0, min(b, d) - max(a, c)) for c, d in spans)


def _median(values):
    """Of numbers, of lists of them number by number; None of None."""
    if values[0] is None:
        return None
    return [*map(statistics.median, zip(*values))] if isinstance(values[0], list) else statistics.median(values)


def table(rows, title=""):
    """The rows of `rows` as a tables.Table."""
    def each(values, digits, scale=1):
        return "-" if values is None else " ".join(f"{value / scale:.{digits}f}" for value in values)

    return Table([{"processes x threads": row["name"], "": f"{row['processes']} x {row['threads']}",
                   "images/s": row["images_per_s"], "x thread": row["over_thread"], "x 1F1B": row["over_1f1b"],
                   "busy": each(row["busy"], 2), "transport": each(row["transport"], 3),
                   "simulated": row["simulated"], "MiB": each(row["memory"], 0, 2**20)} for row in rows],
                 title, NOTES, digits={"images/s": 0})


def bench(args):
    """What `--json` prints, and the table."""
    if torch.device(args.device).type != "cpu":
        raise ValueError(f"workers compute on CPUs; device is {args.device!r}")
    batch = args.batch or 128
    found = rows(args.depth, batch, args.rounds or 3)
    return found, table(found, f"ResNet-{args.depth}, cut behind block {found[0]['cut']}, batch {batch}, "
                               f"{found[0]['precision']}, torch {torch.__version__}")
