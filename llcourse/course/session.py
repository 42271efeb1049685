"""A chapter's session: seeds, threads, device and figure style, set in one line."""

import importlib.metadata
import os
import platform
import random
from dataclasses import dataclass

import numpy as np
import torch

from ..results import image_source
from . import stops

active = None  # the Session that `begin` made last; a notebook has one


@dataclass(frozen=True)
class Session:
    """What `begin` set: chapter ("03"), seed, threads (of torch) and device."""

    chapter: str
    seed: int
    threads: int
    device: torch.device

    def report(self):
        """Print versions, device, threads and images: what a reader quotes when outputs differ."""
        versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "torchvision", "numpy")]
        print(f"python {platform.python_version()}, {', '.join(versions)}")
        name = f" ({torch.cuda.get_device_name(self.device)})" if self.device.type == "cuda" else ""
        print(f"device {self.device}{name}, {self.threads} of {os.cpu_count()} CPU threads, seed {self.seed}")
        source = image_source()
        print(f"images: cifar10, {source.kind}, sha256 {source.sha256[:12]}")


def begin(chapter):
    """Seed Python, NumPy and torch, choose threads and device, set the figure style. Prints nothing.

    chapter: its number as in the file's name, "03". The environment may set LLCOURSE_SEED (default 0), LLCOURSE_THREADS
    (default: every core this process may use) and LLCOURSE_DEVICE (default: cuda, else mps, else cpu).
    Raises ImportError where the notebook packages are missing and ValueError for a setting that cannot be.
    """
    global active
    _set_up_notebook()
    seed = _integer("LLCOURSE_SEED", default=0, least=0)
    threads = _integer("LLCOURSE_THREADS", default=cores(), least=1)
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    active = Session(chapter, seed, threads, _device())
    return active


def cores():
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _integer(variable, default, least):
    text = os.environ.get(variable, str(default))
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{variable} is {text!r}; it takes a whole number from {least} on, or leave it unset")
    return int(text)


def _device():
    usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    best = next(name for name, there in usable.items() if there)
    wanted = os.environ.get("LLCOURSE_DEVICE", best)
    if not usable.get(wanted.partition(":")[0], False):
        here = ", ".join(name for name, there in usable.items() if there)
        raise ValueError(f"LLCOURSE_DEVICE is {wanted!r}; this machine has {here}. Set one of these, or leave it unset")
    return torch.device(wanted)


def _set_up_notebook():
    try:
        import ipywidgets  # noqa: F401  the panels'
        import matplotlib.pyplot as plt
        import seaborn
        from IPython import get_ipython
        from IPython.core.pylabtools import select_figure_formats
    except ImportError as error:
        raise ImportError(f"a chapter needs the package {error.name!r}, which this environment lacks: run "
                          "`make install`, or `pip install -r requirements.txt` in the environment "
                          "this notebook runs in") from error
    seaborn.set_theme(context="notebook", style="whitegrid", palette="colorblind")
    plt.rcParams.update({"figure.figsize": (7.0, 3.5), "figure.dpi": 100, "savefig.dpi": 100})
    if get_ipython():
        stops.explain(get_ipython())
        select_figure_formats(get_ipython(), {"png"})  # SVG text holds dates and random ids, and would not compare
