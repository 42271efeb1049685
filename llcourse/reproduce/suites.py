"""The suites: what is trained, on which recipe, and what the papers report for it.

Adding a suite is writing its list of configurations, the most informative first, and naming it in SUITES.
"""

from functools import partial

from .. import networks, reach
from ..borders import ReplayBuffer, VectorQuantizer
from ..objectives import InfoPro
from ..recipe import Recipe
from ..schedules import Asynchronous
from .suite import Configuration, Suite


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


def _supplied(mode, K):
    return Configuration(f"ContSup, {mode}", K, "1c2f", cut={"context": mode})


def _infopro(K, contrast, published=None, **settings):
    """InfoPro; settings: of its objective."""
    return Configuration(f"InfoPro, {'contrast' if contrast else 'softmax'}", K, "1c2f",
                         cut={"objective": InfoPro(contrast, **settings)}, published=published)


def _of_text(method, K, cut=reach.local, heads=("projection", "block")):
    return tuple(Configuration(method, K, head, cut) for head in heads)


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
    "context-short": Suite(  # what borders supply, what a loss keeps; at K = 10 weights published for 8
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="bfloat16"), 20,
        (_supplied("R1E", 10), _infopro(10, False, weights="ResNet-32, K = 8"), _supplied("E", 10),
         _supplied("R1E", 4), _infopro(4, False), _supplied("R1", 10),
         _infopro(10, True, weights="ResNet-32, K = 8"), _supplied("E", 4), _infopro(4, True), _supplied("R1", 4),
         Configuration("Random prefix, E", 4, "1c2f", cut={"context": "E"}, schedule="last only")),
        SHORT, beside=(BACKPROP, DGL, ("dgl-short", "dgl-k10-1c2f"))),
    "infopro-table": Suite(
        "ResNet-32, CIFAR-10", partial(networks.resnet, 32), INFOPRO_RECIPE, 160,
        tuple(_infopro(K, contrast, published, **INFOPRO_IMAGES) for K, contrast, published in (
            (4, True, (8.58, 0.17)), (4, False, (8.64, 0.25)), (16, True, (12.75, 0.11)), (16, False, (14.23, 0.42)),
            (2, True, (7.76, 0.12)), (2, False, (8.13, 0.23)), (8, True, (11.13, 0.19)), (8, False, (11.40, 0.18)))),
        INFOPRO, INFOPRO_IMAGES,
        "Weights of the two terms are those of the authors' commands, which train the contrast; those of the rows with "
        "softmax are in no file: ours are the same.",
        beside=tuple(("dgl-table", name) for name in ("backprop", "dgl-k2-1c2f", "dgl-k4-1c2f", "dgl-k8-1c2f",
                                                      "dgl-k16-1c2f"))),
    "contsup-table": Suite(
        "ResNet-32, CIFAR-10", partial(networks.resnet, 32), INFOPRO_RECIPE, 160,
        tuple(_supplied(mode, K) for K in (16, 8, 4, 2) for mode in ("R1E", "E", "R1")),
        "none that we could verify; the study is that of ContSup (Yu et al. 2023)", INFOPRO_IMAGES,
        "R0 is DGL. The loss is the head's cross-entropy alone, as in the authors' code without its flag for "
        "reconstruction.",
        beside=tuple(("dgl-table", name) for name in ("backprop", "dgl-k2-1c2f", "dgl-k4-1c2f", "dgl-k8-1c2f",
                                                      "dgl-k16-1c2f"))),
    "gpt-short": Suite(  # K = 8 is one block a module; chunks of 2 and of 4 would be local at K = 4 and 2
        "GPT-8, width 128, Python's library", partial(networks.gpt, 8, 128, 4, 128),
        Recipe(batch=16, lr=2e-3, weight_decay=0.1, warmup=0.25, optimizer="adamw"), 4,
        (Configuration("Backprop"), *_of_text("Local", 4), *_of_text("Local", 8),
         *_of_text("Interlocking, 2-wise", 4, partial(reach.interlocking, N=2)), *_of_text("Local", 2),
         *_of_text("Chunked, 3 modules", 8, partial(reach.chunked, N=3)),
         *_of_text("Local", 4, heads=["readout"]), *_of_text("Local", 8, heads=["readout"])),
        SHORT, text={"train": 1_500_000, "test": 200_000, "context": 128}),
    "dgl-short-float32": Suite(
        "ResNet-20, CIFAR-10", partial(networks.resnet, 20), Recipe(precision="float32"), 20,
        (Configuration("Backprop"), Configuration("DGL", 4, "1c2f")), SHORT),
}
