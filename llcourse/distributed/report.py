"""What workers report: their times, on one clock, what waited and for how long, and the bytes between them."""

import json
from dataclasses import asdict, dataclass, field

from ..atomic import replacing
from ..history import History
from ..timeline import Task
from . import failures

TASKS = {"forward": "forward", "loss": "backward", "pull": "backward", "step": "backward"}  # as charts call them
IDLE = ("wait", "send", "meet", "end", "slow")


@dataclass
class Report:
    """A finished job: `history`, as training gives it, `workers`, a dict each, and `failures`, a dict for each attempt
    that failed: worker, host, step, cause.

    lost: steps that were done, not saved, and done again after a failure; of several failures the most.
    """

    history: History
    workers: list
    failures: list = field(default_factory=list)
    lost: int = 0

    @classmethod
    def of(cls, folder, job, history):
        """Read what the workers of a finished job have written to its folder."""
        workers = [json.loads((folder / f"worker-{j + 1}.json").read_text()) for j in range(job.net.K)]
        return cls(history, workers, failures.found(folder),
                   max(start["lost"] for start in failures.starts(folder).values()))

    def timeline(self, first=0, last=None):
        """The measured times of steps `first` to `last` as timeline.Task, in seconds, for plots.timeline."""
        chosen = [(j, kind, step, a, b) for j, worker in enumerate(self.workers)
                  for kind, step, a, b in worker["events"]
                  if kind in TASKS and first <= step and (last is None or step < last)]
        zero = min((a for *_, a, _ in chosen), default=0.0)
        return [Task(j, TASKS[kind], step, a - zero, b - zero)
                for j, kind, step, a, b in sorted(chosen, key=lambda one: one[3])]

    @property
    def busy(self):
        """Of each worker the share of its time that it did not wait, 0 to 1."""
        return [1 - sum(worker["spent"].get(kind, 0.0) for kind in IDLE[:2]) / worker["seconds"]
                for worker in self.workers]

    def save(self, path):
        """Write it as JSON, atomically."""
        with replacing(path) as partial:
            partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
