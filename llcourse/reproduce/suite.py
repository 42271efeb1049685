"""What a suite is: configurations that are trained alike, and what the papers report for them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .. import data, reach
from ..data import ACCURACY, BITS
from ..recipe import Recipe


@dataclass(frozen=True)
class Configuration:
    """One row of a suite's table.

    method: as printed.   K, head: how the network is cut.   reach: a function of K.   schedule: as Run takes it.
    border: a function that makes what stands above each module but the last, or None.   network, cut: what the suite's
    network, and its `cut`, are given besides, such as groups.   published: (test error, its standard deviation or None)
    as Score.error counts it, or None where no source has one.
    """

    method: str
    K: int = 1
    head: str = "linear"
    reach: Callable = reach.local
    schedule: str | Callable = "synchronous"
    border: Callable | None = None
    network: dict = field(default_factory=dict)
    cut: dict = field(default_factory=dict)
    published: tuple | None = None

    @property
    def name(self):
        """What its files are called: dgl-k4-1c2f. A network in one piece has no auxiliary head to name."""
        cut = f" k{self.K} {self.head}" if self.K > 1 or self.cut else ""
        return re.sub("[^a-z0-9]+", "-", f"{self.method}{cut}".lower())


@dataclass(frozen=True)
class Suite:
    """A list of configurations that share network, recipe and total of epochs, and the source of their published
    values.

    network: a function without arguments that makes a networks.Network.   images: what data.Images.prepared gets.
    text: what data.text gets, in suites on the source code of Python's library; None in those on CIFAR-10.
    differs: what is still not as in the authors' code, a sentence, empty where there is none to be compared with.
    beside: (suite, name of a configuration) of runs made elsewhere, on the same network, recipe and epochs, that the
    table has too.   prediction: whose error the table shows, a name of groups.ensembles; empty for the last head.
    """

    title: str
    network: Callable
    recipe: Recipe
    epochs: int
    configurations: tuple
    source: str
    images: dict = field(default_factory=dict)
    differs: str = ""
    beside: tuple = ()
    prediction: str = ""
    text: dict | None = None

    @property
    def score(self):
        """The Score of what it trains on."""
        return ACCURACY if self.text is None else BITS

    def load(self, device="cpu"):
        """What it trains on: an image set or a text."""
        if self.text is None:
            return data.load("cifar10", seed=0, device=device).prepared(**self.images)
        return data.text(device=device, **self.text)

    def refused(self):
        """Why nothing may be recorded on the data that this machine has, or None."""
        kind = self.load().source.kind
        if kind == "standin":
            return "results are recorded on CIFAR-10, and none is here: python -m llcourse data cifar10"
        if kind in ("file", "folder"):
            return ("results are recorded on the source code of Python's library, and the data folder holds another "
                    "text: move it away, or name another folder in LLCOURSE_DATA")
        return None

    def make(self, configuration):
        """The network of a configuration, cut: a LocalNetwork."""
        c = configuration
        net = self.network(**c.network).cut(c.K, c.head, None if c.cut else c.reach(c.K), **c.cut)
        if c.border:
            net.borders = [c.border() for _ in range(c.K - 1)]
        return net

    def epochs_of_a_phase(self, configuration, epochs):
        """Sequential training shares the total out, so that every module gets as many. ValueError if it does not
        divide."""
        K = configuration.K if configuration.schedule == "sequential" else 1
        if epochs < 1 or epochs % K:
            raise ValueError(f"{epochs} epochs cannot be shared out equally to the {K} modules of "
                             f"{configuration.name}; choose a multiple of {K}")
        return epochs // K

    def configuration(self, name):
        return next(c for c in self.configurations if c.name == name)
