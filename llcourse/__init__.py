"""Training deep networks without end-to-end backpropagation: the package behind the llcourse notebooks.

    images = llcourse.data.load("cifar10", train=10_000, test=2_000)
    net = llcourse.networks.resnet(20).cut(4, head="1c2f")      # four modules, each with its own loss
    history = llcourse.train(net, images, epochs=6)

Everything is imported when it is first used: the doctor can then speak where torch is broken, and training needs
neither matplotlib nor Jupyter.
"""

import os
from importlib import import_module

# Threads of torch wait for each other many times a step. By default they spin, and where another process has a core a
# step takes 40 times as long and more; after 1,000 rounds asleep they share it, at 13 % of the speed of a machine that
# they have for themselves (never spinning costs 40 %). Read when torch is loaded, so import llcourse first.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"

_MODULES = ("borders", "context", "cost", "course", "data", "distributed", "groups", "heads", "measure", "networks",
            "objectives", "panels", "plots", "reach", "reproduce", "schedules", "sequences", "timeline", "wiring")
_NAMES = {"LocalNetwork": "local", "Recipe": "recipe", "History": "history", "Run": "training", "train": "training",
          "recalibrate": "recalibration", "generate": "sequences", "front": "fronts",
          "NonFiniteLoss": "epoch", "table": "tables"}


def __getattr__(name):
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _NAMES:
        return getattr(import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_MODULES, *_NAMES])
