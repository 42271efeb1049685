"""One run of a suite: trained, resumed where it stopped, and written to one JSON file."""

import time
from collections import Counter
from dataclasses import asdict, dataclass

import torch

from .. import groups, interrupts, measure, memory, paths, results, steps
from ..epoch import wake
from ..timing import round_robin
from ..training import Run
from . import suites

BESIDE_STEPS = 1.2  # a run takes about this much longer than its training steps: augmentation and evaluation


@dataclass(frozen=True)
class Job:
    """What one process is asked to do. deadline: in seconds of time.time(), None for no limit."""

    suite: str
    configuration: str
    seed: int
    epochs: int
    device: str
    threads: int
    deadline: float | None
    command: str

    @property
    def name(self):
        return f"{self.configuration}-seed{self.seed}"

    @property
    def file(self):
        return folder(self.suite, self.epochs) / f"{self.name}.json"

    @property
    def checkpoint(self):
        """Beside the result it becomes; git ignores it. Other code, or another number of threads, does not go on from
        it."""
        return self.file.with_name(f".{self.name}-{self.threads}-threads-{results.code_digest()}.safetensors")


def folder(suite, epochs=None):
    """Where a suite's runs lie; those of another length than its own lie apart, and git ignores them."""
    usual = suites.named(suite).epochs
    return paths.results() / (suite if epochs in (None, usual) else f"{suite}-{epochs}-epochs")


def execute(job):
    """Train and write the file. Returns None, or why the run was not started.

    A run that was stopped goes on from the end of its last finished epoch.
    """
    suite = suites.named(job.suite)
    configuration = suite.configuration(job.configuration)
    torch.set_num_threads(job.threads)
    images = suite.load(job.device)
    # of the code this process imported
    made_by, checkpoint = results.provenance(job.command, job.device, images.source), job.checkpoint
    if images.device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = False  # a file that says float32 means it; the papers' cards had nothing else
    run = prepare(job, suite, configuration, images)
    if checkpoint.exists():
        run.load(checkpoint)
    needed = seconds_left(run) * BESIDE_STEPS / 60  # asked in any case, so that no recorded minute holds compilation
    if job.deadline is not None and needed > (left := (job.deadline - time.time()) / 60):
        return f"needs about {needed:.1f} minutes, {max(left, 0):.1f} are left"
    run.fit(checkpoint, label=job.name)
    results.write(job.file, record(job, configuration, run) | made_by)
    for old in job.file.parent.glob(f".{job.name}-*.safetensors"):
        old.unlink(missing_ok=True)
    return None


def prepare(job, suite, configuration, images):
    """The Run of a job: the seed sets the weights and the order of batches."""
    torch.manual_seed(job.seed)
    net = suite.make(configuration)
    return Run(net, images, suite.epochs_of_a_phase(configuration, job.epochs),
               schedule=configuration.schedule, recipe=suite.recipe, seed=job.seed,
               fast=torch.device(job.device).type == "cuda" and steps.repeats(net))


def seconds_left(run):
    """About how long `run.fit` will take, from a few steps of each phase that are undone. Evaluation is left out."""
    x, y = next(run.images.batches(run.recipe.batch, torch.Generator(run.device)))
    before, seconds, end, still = run.state(), 0.0, 0, [0.0] * len(run.net.heads)
    with interrupts.held():
        try:
            for phase in run.phases:
                end += phase.epochs
                epochs = min(phase.epochs, max(0, end - len(run.history.rows)))
                if epochs:
                    wake(run, phase.frozen)
                    turns = Counter(phase.steps(run.steps_per_epoch, torch.Generator().manual_seed(0)))
                    kinds = [lambda losses=losses: run.step(x, y, still, losses) for losses in turns if losses]
                    each = round_robin(kinds, 4, run.device)
                    seconds += epochs * sum(n * one for n, one in zip((turns[t] for t in turns if t), each))
        finally:
            wake(run)
            run.restore(before)
    return seconds


def record(job, configuration, run):
    """The contents of a run's file, as results/run.schema.json describes them."""
    score = run.history.score
    digits = score.digits + 1
    rows = [{**row, "loss": _rounded(row["loss"], 4), score.name: _rounded(row[score.name], digits),
             "seconds": round(row["seconds"], 3)} for row in run.history.rows]
    peak, network, images = memory.process_peak(job.device), suites.named(job.suite).network(), run.images
    return {
        "suite": job.suite, "name": configuration.name, "seed": job.seed, "epochs": job.epochs,
        "configuration": {"method": configuration.method, "K": configuration.K, "head": configuration.head,
                          "reach": run.net.reach.tolist(), "schedule": str(configuration.schedule),
                          "borders": [" ".join(repr(border).split()) for border in run.net.borders if border]},
        "network": network.name, "initialisation": network.initialisation,
        **images.preparation(),
        "recipe": asdict(run.recipe),
        "precision": str(run.net.precision or torch.float32).removeprefix("torch."),
        "precision_why": run.precision.why,
        "step": "eager" if not run.config["fast"] else "compiled and captured",
        "threads": job.threads,
        "history": rows,
        "error": round(score.error(rows[-1][score.name][-1]), digits),
        "alignment": None if any(run.net.borders) else _rounded(measure.alignment(run.net, images), 4),
        "predictions": {name: round(value, digits) for name, value in groups.score(run.net, images).items()},
        "minutes": round(sum(row["seconds"] for row in rows) / 60, 2),
        "peak_memory_mb": None if peak is None else round(peak / 2**20),
    }


def _rounded(values, digits):
    return [None if value is None else round(value, digits) for value in values]
