"""What workers report: their times, on one clock, what waited and for how long, and the bytes between them."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np

from .. import timeline, wiring
from ..atomic import replacing
from ..history import History
from . import failures, traffic

TASKS = {"forward": "forward", "losses": "backward", "pull": "backward", "vjp": "backward", "step": "backward"}
# The log's kinds, as charts call them. What else a worker does belongs to one of these:
PARTS = {"forward": ("load", "unpack", "forward", "pack"), "head": ("losses",), "weight": ("pull", "step"),
         "vjp": ("vjp",)}
WAITING = ("wait", "send")


@dataclass
class Report:
    """A finished job.

    history: as `llcourse.train` gives it.   reach: the network's, as lists.   free: whether workers went at their own
    pace.   workers: for each a dict: worker (from 1), host, pid, steps, seconds; spent, {kind: seconds}; events, [kind,
    step, start, end] on worker 1's clock, in seconds; wires, the same of what was sent meanwhile; queues, {channel:
    lengths seen}; staleness of what it read from its buffer, in batches, or None; overwritten, messages that a slow
    reader never got; bytes_sent and bytes_received, counted at its sockets, and bytes_predicted, by shapes;
    memory, the most bytes that it held.   failures: what went wrong on the way, a dict each.   lost: steps done, not
    saved, and done again after a failure; of several the most.
    """

    history: History
    reach: list
    free: bool
    workers: list
    failures: list = field(default_factory=list)
    lost: int = 0

    @classmethod
    def of(cls, folder, job, history, net):
        """Read what the workers of a finished job have written to its folder."""
        workers = [json.loads((folder / f"worker-{j + 1}.json").read_text()) for j in range(net.K)]
        for j, worker in enumerate(workers):
            worker["bytes_predicted"] = traffic.predicted(net, j, job.images.shape, worker["sent"])
        lost = max((start["lost"] for start in failures.starts(folder).values()), default=0)
        return cls(history, net.reach.tolist(), job.free, workers, failures.found(folder), lost)

    @property
    def busy(self):
        """Of each worker the share of its time that it did not wait for another one, 0 to 1."""
        return [1 - sum(worker["spent"].get(kind, 0.0) for kind in WAITING) / worker["seconds"]
                for worker in self.workers]

    @property
    def waited(self):
        """Seconds that each worker waited for another: for what it sends, or until it takes what is sent."""
        return [sum(worker["spent"].get(kind, 0.0) for kind in WAITING) for worker in self.workers]

    def timeline(self, first=0, last=None):
        """The measured times of steps `first` to `last` as timeline.Task, in seconds, for plots.timeline."""
        chosen = [(j, kind, step, a, b) for j, worker in enumerate(self.workers)
                  for kind, step, a, b in worker["events"]
                  if kind in TASKS and first <= step and (last is None or step < last)]
        zero = min((a for *_, a, _ in chosen), default=0.0)
        return [timeline.Task(j, TASKS[kind], step, a - zero, b - zero)
                for j, kind, step, a, b in sorted(chosen, key=lambda one: one[3])]

    def times(self):
        """Mean seconds of each worker's parts of a step, as `timeline.simulate(reach, ..., **times)` takes them, and
        the latency: of a message, from its first byte here to its last.

        What a worker does besides counts to the part beside it: the optimizer's step to the weight gradient, loading
        and packing to the forward pass. Where every backward pass trains, it is split in halves.
        """
        found, wires = {name: [] for name in ("head", "forward", "vjp", "weight")}, []
        for worker in self.workers:
            steps = self._in_step(worker)
            kinds = [(kind, b - a) for kind, step, a, b in worker["events"] if step in steps]
            of = {name: sum(seconds for kind, seconds in kinds if kind in parts) / max(len(steps), 1)
                  for name, parts in PARTS.items()}
            passes = round(sum(kind == "vjp" for kind, _ in kinds) / max(len(steps), 1))
            vjp = min(of["vjp"] / passes, of["weight"]) if passes else of["weight"] / 2
            found["head"].append(of["head"] / 3)
            found["forward"].append(of["forward"])
            found["vjp"].append(vjp)
            found["weight"].append(of["weight"] - vjp)
            wires += [b - a for kind, step, a, b in worker["wires"] if kind == "received" and step in steps]
        return found | {"latency": sum(wires) / max(len(wires), 1)}

    def pace(self):
        """Seconds from one batch to the next: {"measured": of the slowest worker, the mean; "simulated": what the
        simulator of chapter 07 makes of `times`, by this reach}. ValueError where workers went at their own pace."""
        if self.free:
            raise ValueError("at their own pace workers have no batch in common whose time could be compared")
        between = []
        for worker in self.workers:
            ends = {step: b for kind, step, _, b in worker["events"] if kind == "step"}
            steps = self._in_step(worker)
            between.append(sum(ends[n] - ends[n - 1] for n in steps) / max(len(steps), 1))
        R = np.array(self.reach)
        return {"measured": max(between),
                "simulated": timeline.batch_time(R, wiring=wiring.chain(R.shape[1], len(R)), **self.times())}

    @staticmethod
    def _in_step(worker):
        """Steps that another one went before: not the first, none behind a checkpoint or the scores of an epoch."""
        ended = {step for kind, step, *_ in worker["events"] if kind == "step"}
        other = {step for kind, step, *_ in worker["events"] if kind in ("score", "save", "meet")}
        return {n for n in ended if n - 1 in ended and n not in other}

    def save(self, path):
        """Write it as JSON, atomically."""
        with replacing(path) as partial:
            history = asdict(self.history) | {"score": self.history.score.name}
            partial.write_text(json.dumps(asdict(self) | {"history": history}), encoding="utf-8")
