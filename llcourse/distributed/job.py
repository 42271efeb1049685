"""A job: all that workers need to train one network, in a folder."""

import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch

from ..arguments import number, whole
from ..atomic import replacing
from ..identity import digest
from ..schedules import Asynchronous, named
from ..training import Run
from ..wiring import chain


@dataclass
class Job:
    """What `prepare` has written: net, images, phases and so on as a Run has them, and settings of the workers."""

    net: object
    images: object
    phases: list
    recipe: object
    resting: list
    seed: int
    batches: int
    free: bool
    ahead: int
    save_every: int | None
    threads: int
    timeout: float
    name: str


def prepare(folder, net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, ahead=2, save_every=None,
            threads=1, timeout=60.0):
    """Write a job to `folder`, for workers that torchrun starts: `python -m llcourse worker FOLDER`, one a module.

    net, images, epochs, schedule, recipe, seed: as `llcourse.train` takes them.   ahead: batches that may wait at each
    end of a connection.   save_every: steps from one checkpoint to the next; None for none but the last.   threads: of
    each worker.   timeout: seconds without a sign of life, or without a step forward, after which a worker counts as
    lost.

    A job is code: whoever can write to its folder can run what they like as you. Run jobs of your own only. On several
    hosts the folder is on a disk that all of them see, or a copy on each.

    Raises ValueError for what cannot be trained so: a network that is no chain, one that shares parameters between
    modules, one with a head that reads what another worker trains (a shared readout), one with code of the notebook's
    own, which other processes cannot import, images on a GPU. A module that draws random numbers, as dropout does, is
    refused by its worker, unless workers go at their own pace: K processes have as many streams of them.
    """
    folder = named_folder(folder)
    ahead, threads = whole("ahead", ahead, 1), whole("threads", threads, 1)
    save_every = None if save_every is None else whole("save_every", save_every, 1)
    timeout = number("timeout", timeout, above=0)
    free = isinstance(named(schedule), Asynchronous) and named(schedule).order == "random"
    run = Run(net, images, epochs, schedule=schedule, recipe=recipe, seed=seed)
    _refuse(run, free)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    job = Job(net, images, run.phases, run.recipe, run.resting, run.seed, run.steps_per_epoch, free, ahead, save_every,
              threads, timeout, digest({}, json.dumps(run.config, sort_keys=True)))
    if (folder / "job.json").exists() and (there := json.loads((folder / "job.json").read_text())["name"]) != job.name:
        raise ValueError(f"{folder} holds another job ({there}); name another folder, or remove this one")
    try:
        with replacing(folder / "job.pt") as partial:  # workers may have the old one mapped
            torch.save(job, partial)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"this network cannot be sent to other processes ({error}): its classes and functions have to "
                         "stand in a module that can be imported") from error
    os.chmod(folder / "job.pt", 0o600)
    said = {"name": job.name, "workers": net.K, "config": run.config}
    (folder / "job.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return folder


def named_folder(folder):
    """`folder` as a Path; ValueError for what is none."""
    if not isinstance(folder, str | os.PathLike) or not str(folder):
        raise ValueError(f"folder is {folder!r}; it is the path of a folder")
    return Path(folder)


def load(folder):
    """The Job in a folder. Raises ValueError if there is none."""
    path = Path(folder) / "job.pt"
    if not path.exists():
        raise ValueError(f"{folder} holds no job: llcourse.distributed.prepare(folder, net, images, epochs) writes one")
    return torch.load(path, mmap=True, weights_only=False)  # code, see `prepare`


def _refuse(run, free):
    net = run.net
    if run.device.type != "cpu":
        raise ValueError(f"workers compute on CPUs, and these images are on {run.device}: load them there")
    if any(net.wiring.carried) or [set(s) - {-1} for s in net.wiring.cells] != [
            set(s) - {-1} for s in chain(net.K).cells] or any(len(read) > 1 for read in net.wiring.heads):
        raise ValueError("workers stand in a chain: each module reads the one below, and the image if it likes; this "
                         f"network's is {net.wiring}: train it in one process")
    if free and len(net.losses) - 1 != sum(border is not None and border.holds for border in net.borders):
        raise ValueError(f"at its own pace a worker has one loss and a buffer below it: {len(net.losses)} losses need "
                         f"{len(net.losses) - 1} borders that hold batches")
    own = [*net.modules(), *(phase.turns for phase in run.phases if phase.turns is not None)]
    if strange := [type(part).__qualname__ for part in own if "__main__" in (
            type(part).__module__, getattr(part, "__module__", None))]:
        raise ValueError(f"{strange[0]} is code of this notebook, or of the script that was started, which other "
                         "processes cannot import: move it to a file of its own and import it from there")
    seen = {}
    for i, cell in enumerate(net.cells):
        j = min(i, net.K - 1)  # its worker
        for p in cell.parameters():
            if seen.setdefault(p, j) != j:
                raise ValueError(f"modules {seen[p] + 1} and {j + 1}, or their heads, share a parameter, which two "
                                 "workers would each change: give each its own (copy.deepcopy)")
    for i, cell in enumerate(net.cells):
        if away := {seen[p] for p in cell.reads() if seen.get(p, i) != min(i, net.K - 1)}:
            raise ValueError(f"head {i + 1} reads what worker {min(away) + 1} trains, and workers send features only: "
                             "give each module a head of its own, or train it in one process")
