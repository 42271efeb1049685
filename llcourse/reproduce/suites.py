"""The suites: what is trained, on which recipe, and what the papers report for it.

Adding a suite is writing its list of configurations, the most informative first, and naming it in SUITES.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .. import networks, reach
from ..borders import ReplayBuffer, VectorQuantizer
from ..recipe import Recipe
from ..schedules import Asynchronous


@dataclass(frozen=True)
class Configuration:
    """One row of a suite's table.

    method: as printed.   K, head: how the network is cut.   reach: a function of K.   schedule: as Run takes it.
    border: a function that makes what stands above each module but the last, or None.   network, cut: what the suite's
    network, and its `cut`, are given besides, such as groups.   published: (test error, its standard deviation or None)
    in percent, or None where no source has one.
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


def named(name):
    """The suite called `name`; ValueError, with the names there are, for any other."""
    if name not in SUITES:
        raise ValueError(f"no suite is called {name!r}; there are {', '.join(SUITES)}")
    return SUITES[name]


def listed(name):
    """[(suite's name, Configuration), ...]: what a suite's table lists, first what was made beside it."""
    suite = named(name)
    return [(other, named(other).configuration(c)) for other, c in suite.beside] + [
        (name, c) for c in suite.configurations]


INFOPRO_RECIPE = Recipe(batch=1024, lr=0.8, weight_decay=1e-4, warmup=10, curve="infopro")
INFOPRO_IMAGES = {"mean": (125.3 / 255, 123.0 / 255, 113.9 / 255), "std": (63.0 / 255, 62.1 / 255, 66.7 / 255)}
INFOPRO = "InfoPro (Wang et al. 2021), table 2: mean and standard deviation of five runs"
SHORT = "none, this is a scale made for two CPU cores"
BACKPROP, DGL = ("dgl-short", "backprop"), ("dgl-short", "dgl-k4-1c2f")


def _interlocking(K, N):
    return Configuration(f"Interlocking, {N}-wise", K, "1c2f", partial(reach.interlocking, N=N))


def _asynchronous(M, S=1):
    """Module 3 of 4 slowed by S, buffers of M batches."""
    return Configuration(f"Asynchronous, M = {M}, S = {S}", 4, "1c2f", schedule=Asynchronous((1, 1, S, 1)),
                         border=partial(ReplayBuffer, M))


def _groups(K, G, diversity="none"):
    cut = {"groups": G} | ({} if diversity == "none" else {"diversity": diversity})
    return Configuration(f"Groups, G = {G}{', diversity' if diversity != 'none' else ''}", K, "1c2f", cut=cut)


def _published_groups(G, errors):
    """Configurations of the paper's grid, as its code has them. errors: {K: test error}."""
    cut = {"groups": G, "diversity": "paper"} if G > 1 else {}
    return tuple(Configuration(f"Groups, G = {G}" if cut else "DGL", K, "1c2f-s2", cut=cut, published=(error, None))
                 for K, error in errors.items())


SUITES = {
    "dgl-table": Suite(
        "ResNet-32, CIFAR-10", partial(networks.resnet, 32),
        INFOPRO_RECIPE, 160,
        (Configuration("Backprop", published=(7.37, 0.10)),
         Configuration("DGL", 4, "1c2f", published=(11.48, 0.20)),
         Configuration("Greedy SL", 4, published=(16.07, 0.46)),
         Configuration("DGL", 16, "1c2f", published=(16.21, 0.36)),
         Configuration("Greedy SL", 16, published=(24.59, 0.83)),
         Configuration("DGL", 2, "1c2f", published=(8.69, 0.12)),
         Configuration("Greedy SL", 2, published=(10.30, 0.20)),
         Configuration("DGL", 8, "1c2f", published=(14.17, 0.28)),
         Configuration("Greedy SL", 8, published=(21.19, 0.52))),
        INFOPRO,
        INFOPRO_IMAGES,
        "Recipe, network, heads and how images are prepared are those of the authors' code; the weight of its local "
        "losses in the rows published here is in no file of it: ours is 1. It prints the best epoch's accuracy on the "
        "test images; which epoch the published errors are of is not said there."),
    "dgl-heads": Suite(
        "six-layer CNN, CIFAR-10", partial(networks.cnn6, initialisation="pytorch"),
        Recipe(batch=128, lr=0.1, nesterov=False, warmup=0, curve="steps", drops=(0.3, 0.6, 0.9)), 50,
        tuple(Configuration("DGL", 6, head) for head in ("mlp-sr", "mlp", "cnn", "linear"))
        + (Configuration("Backprop"),),
        "none that we could verify; the study is section 5.1 of DGL (Belilovsky et al. 2020)",
        {"std": (0.2023, 0.1994, 0.2010), "padding": "zeros"},
        "The authors' code has biases in layers before BatchNorm, which cancels them, and neither the linear head nor "
        "the row of backprop."),
    "dgl-short": Suite(
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="bfloat16"), 20,
        (Configuration("Backprop"),
         Configuration("DGL", 4, "1c2f"),
         Configuration("DGL", 10, "1c2f"),
         Configuration("Sequential greedy", 4, "1c2f", schedule="sequential"),
         Configuration("DGL", 2, "1c2f"),
         Configuration("Random prefix", 4, "1c2f", schedule="last only")),
        SHORT),
    "async-short": Suite(
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="bfloat16"), 20,
        (_asynchronous(10), _asynchronous(10, S=5), _asynchronous(1),
         Configuration("DGL, codes of 256 x 16", 4, "1c2f", border=partial(VectorQuantizer, 256, 16)),
         _asynchronous(10, S=2), _asynchronous(30),
         Configuration("DGL, codes of 256 x 4", 4, "1c2f", border=partial(VectorQuantizer, 256, 4)),
         _asynchronous(5), _asynchronous(10, S=1.2)),
        SHORT, beside=(BACKPROP, DGL)),
    "interlocking-short": Suite(  # chunked is DGL at K = 2, but for its border: behind block 2.1 instead of 2.0
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="bfloat16"), 20,
        (_interlocking(4, 2), _interlocking(4, 3), _interlocking(10, 2), _interlocking(10, 4),
         Configuration("Overlapping, 2-wide", 4, "1c2f", partial(reach.overlapping, N=2)),
         _interlocking(4, 1), _interlocking(10, 1),
         Configuration("Chunked, 2 modules", 4, "1c2f", partial(reach.chunked, N=2)), _interlocking(4, 4)),
        SHORT, beside=(BACKPROP, ("dgl-short", "dgl-k2-1c2f"), DGL, ("dgl-short", "dgl-k10-1c2f"))),
    "groups-short": Suite(
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="bfloat16"), 20,
        (_groups(2, 2), _groups(2, 2, "paper"), _groups(4, 2), Configuration("Backprop, G = 2", network={"groups": 2}),
         _groups(1, 2), _groups(2, 4), _groups(4, 4), _groups(1, 4),
         # dense, in all as many MACs as G = 2 and 4; narrow, the largest worker's as of G = 2 and 4
         Configuration("Backprop, width 11", network={"width": 11}),
         Configuration("Backprop, width 8", network={"width": 8}),
         Configuration("DGL, width 10", 4, "1c2f", network={"width": 10}),
         Configuration("DGL, width 8", 4, "1c2f", network={"width": 8}),
         _groups(2, 4, "paper"), Configuration("Backprop, G = 4", network={"groups": 4}),
         _groups(4, 4, "paper"), _groups(1, 4, "paper"), _groups(4, 2, "paper"), _groups(1, 2, "paper")),
        SHORT, beside=(BACKPROP, ("dgl-short", "dgl-k2-1c2f"), DGL)),
    "groups-table": Suite(
        "ResNet-32, CIFAR-10", partial(networks.resnet, 32), INFOPRO_RECIPE, 160,
        (Configuration("Backprop", published=(7.0, None)),
         *_published_groups(2, {2: 10.3, 1: 8.6, 4: 12.0, 8: 14.6, 16: 16.6}),
         *_published_groups(4, {2: 10.7, 1: 10.3, 4: 11.9, 8: 14.9}),
         *_published_groups(8, {2: 11.0, 1: 11.1, 4: 12.1}),
         *_published_groups(1, {2: 8.5, 4: 11.4, 8: 14.5, 16: 16.1})),
        "GN-DGL (Patel et al. 2023), read off a figure: no table and no deviations; to about 0.2",
        INFOPRO_IMAGES,
        "The error is that of \"all depths\", which the authors' code calls layerwise; for DGL their code has one more "
        "head on top, ours has not.", prediction="all depths"),
    "dgl-short-float32": Suite(
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="float32"), 20,
        (Configuration("Backprop"), Configuration("DGL", 4, "1c2f")), SHORT),
}
