"""What is attacked: public calls, each with arguments that are right and a word on what a right result is."""

import math
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import torch

from llcourse import (
    History,
    Recipe,
    generate,
    measure,
    objectives,
    panels,
    plots,
    reach,
    schedules,
    sequences,
    timeline,
    train,
    wiring,
)
from llcourse import networks as nets
from llcourse.course.claims import claim
from llcourse.data import BITS, Images, Source, Text, text
from llcourse.distributed import WorkerError, job, launch, prepare
from llcourse.fronts import front
from llcourse.local import LocalNetwork
from llcourse.tables import Table


class Target(NamedTuple):
    """call: with arguments that are all named.   right: those that it takes.   good: whether a result is one.
    calls: in the short form."""

    call: Callable
    right: dict
    good: Callable
    calls: int = 40


X, Y = torch.randint(0, 256, (24, 8, 8, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8), \
    torch.arange(24) % 4
SOURCE = Source("standin", "a test", "0")
IMAGES = {"name": "noise", "train_x": X, "train_y": Y, "test_x": X, "test_y": Y, "classes": "abcd", "source": SOURCE,
          "mean": [0.5] * 3, "std": [0.2] * 3, "padding": "reflect"}
TEXT = {"name": "a text", "train_bytes": X.flatten()[:200], "test_bytes": X.flatten()[200:300], "source": SOURCE,
        "context": 8}


def network(K=2):
    torch.manual_seed(0)
    return nets.resnet(8, width=4, classes=4, shape=(3, 8, 8)).cut(K)


def trained(**given):
    return train(network(), Images(**IMAGES), **given)


def prepared(**given):
    with tempfile.TemporaryDirectory() as folder:
        return job.load(prepare(folder, network(), Images(**IMAGES), **given))


def launched(**given):
    """All of a launch but its processes."""
    started, module = [], sys.modules[WorkerError.__module__]
    with patch.object(module, "start", lambda *call: started.append(call)), patch.object(
            module, "collect", lambda folder, net: started[0][1:] == (net.K, given["restarts"])):
        return launch(network(), Images(**IMAGES), 1, **given)


def is_history(history):
    return isinstance(history, History) and len(history.rows) >= 1 and all(
        score is None or 0 <= score <= 100 for row in history.rows for score in row["accuracy"])


def cut(**given):
    torch.manual_seed(0)
    return nets.resnet(8, width=4, classes=4, shape=(3, 8, 8)).cut(**given)


def is_network(net):
    if not isinstance(net, LocalNetwork):
        return False
    net.backward(torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.long))
    return all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def small_gpt():
    torch.manual_seed(0)
    return nets.gpt(layers=2, width=8, heads=2, context=6)


def is_gpt(net):
    text = torch.zeros(2, 6, dtype=torch.long)
    net.backward(text, text)
    return all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def is_reach(R):
    """Legal: a loss trains nothing behind it, and every module has one."""
    return R.dtype.kind == "i" and set(R.ravel().tolist()) <= {0, 1} and not np.triu(R, 1).any() and R.any(axis=0).all()


def is_images(images):
    """An epoch of them is what training takes."""
    batches = [*images.batches(8, torch.Generator().manual_seed(0)), *images.test_batches(8)]
    return batches and all(
        x.dtype == torch.float32 and x.shape[1:] == images.shape and x.isfinite().all() and y.dtype == torch.int64
        and len(x) == len(y) and 0 <= y.min() and y.max() < len(images.classes) for x, y in batches)


def is_text_set(text):
    """An epoch of it is what training takes: bytes, and behind each the next one."""
    batches = [*text.batches(8, torch.Generator().manual_seed(0)), *text.test_batches()]
    return batches and all(x.shape == y.shape and x.shape[1:] == text.shape and x.dtype == y.dtype == torch.int64
                           and torch.equal(x[:, 1:], y[:, :-1]) and 0 <= min(x.min(), y.min())
                           and max(x.max(), y.max()) < 256 for x, y in batches)


def is_figure(figure):
    figure.draw_without_rendering()
    plt.close(figure)
    return True


def is_table(table):
    return max(map(len, str(table).splitlines()), default=0) <= 100 and "<" in table._repr_html_()


def is_text(text):
    return isinstance(text, str) and text


def asked(panel, ask):
    """Settings of one panel, all its controls among the arguments."""
    made = []

    def call(**settings):
        made[:] = made or [panel()]
        return getattr(made[0], ask)(**settings)
    return call


def simulated(R, batches, head, micro, pipeline):
    return timeline.simulate(R, batches, head, micro=micro, pipeline=pipeline)


def is_schedule(tasks):
    return tasks and all(0 <= task.start <= task.end < math.inf for task in tasks)


HISTORY = History([{"epoch": 1, "phase": 0, "loss": [1.0, 2.0], "accuracy": [50.0, 60.0], "seconds": 1.0}] * 2)
TASKS = timeline.simulate(reach.local(2), 2)
MEASURED = type("Measured", (), {"matrix": reach.local(2)})()
PICTURES = np.zeros((2, 4, 4, 3))

TARGETS = {
    "train": Target(trained, {"epochs": 1, "schedule": "synchronous", "recipe": Recipe(batch=8), "seed": 0,
                              "label": "a", "watch": {}}, is_history, 15),
    "train by a recipe": Target(lambda **settings: trained(epochs=2, recipe=Recipe(**settings)), {
        "batch": 8, "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "warmup": 1.0,
        "warmup_lr": 0.01, "curve": "cosine", "drops": (), "augment": True, "precision": "float32",
        "optimizer": "sgd"}, is_history, 15),
    "distributed.prepare": Target(prepared, {
        "epochs": 1, "schedule": "synchronous", "recipe": Recipe(batch=8), "seed": 0, "ahead": 2, "save_every": 3,
        "threads": 1, "timeout": 9.0}, lambda job: isinstance(job.net, LocalNetwork) and job.ahead >= 1, 15),
    "distributed.launch": Target(launched, {"restarts": 2, "timeout": 9.0}, bool, 15),
    "train asynchronously": Target(lambda slowdown: trained(
        epochs=1, schedule=schedules.Asynchronous(slowdown=slowdown)), {"slowdown": (1, 2)}, is_history, 8),
    "reach.check": Target(reach.check, {"matrix": [[1, 0], [1, 1]]}, is_reach, 60),
    "reach.local": Target(reach.local, {"K": 3, "losses": 4}, is_reach),
    "reach.backprop": Target(reach.backprop, {"K": 3}, is_reach),
    "reach.deep_supervision": Target(reach.deep_supervision, {"K": 3}, is_reach),
    "reach.chunked": Target(reach.chunked, {"K": 4, "N": 2}, is_reach),
    "reach.overlapping": Target(reach.overlapping, {"K": 4, "N": 2}, is_reach),
    "reach.interlocking": Target(reach.interlocking, {"K": 4, "N": 2}, is_reach),
    "reach.groups": Target(reach.groups, {"K": 2, "G": 2}, is_reach),
    "reach.mean_weights": Target(reach.mean_weights, {"R": [[1, 0], [1, 1]]}, lambda w: all(0 < x <= 1 for x in w)),
    "reach.crossed": Target(reach.crossed, {"R": [[1, 0], [1, 1]]}, lambda crossed: crossed.dtype == bool),
    "reach.called": Target(reach.called, {"R": [[1, 0], [1, 1]]}, is_text),
    "net.reach": Target(lambda **given: _set(network(), **given), {"reach": [[1, 0], [1, 1]]}, is_network),
    "net.weights": Target(lambda **given: _set(network(), **given), {"weights": [1.0, 0.5]}, is_network),
    "net.borders": Target(lambda **given: _set(network(), **given), {"borders": None}, is_network),
    "cut": Target(cut, {"K": 2, "head": "mlp", "reach": None, "objective": "cross-entropy", "context": "R0",
                        "groups": 1, "share": 1.0, "diversity": "none"}, is_network, 30),
    "cut with context": Target(cut, {"K": 3, "head": "linear", "reach": None, "context": "R2e"}, is_network, 15),
    "cut with InfoPro": Target(lambda **given: cut(K=2, objective=objectives.InfoPro(**given)), {
        "contrast": True, "weights": ((1, 0), (1, 2)), "decoder": "own", "mean": [0.5] * 3, "std": [0.25] * 3},
        is_network, 30),
    "objectives.interpolated": Target(objectives.interpolated, {"ends": ((1, 0), (1, 2)), "k": 2, "K": 4},
                                      lambda pair: len(pair) == 2),
    "wiring.context": Target(wiring.context, {"K": 3, "back": 1, "image": True}, lambda made: len(made.cells) >= 1),
    "networks.gpt": Target(lambda **given: nets.gpt(**given).cut(1), {
        "layers": 2, "width": 8, "heads": 2, "context": 6, "vocabulary": 20, "positions": "rotary", "tied": False},
        lambda net: isinstance(net, LocalNetwork), 20),
    "cut a gpt": Target(lambda **given: small_gpt().cut(**given), {"K": 2, "head": "readout", "reach": None,
                                                             "objective": "cross-entropy"}, is_gpt, 20),
    "sequences.Readout": Target(lambda **given: small_gpt().cut(2, sequences.Readout(**given)), {"every": 2}, is_gpt,
                                15),
    "generate": Target(lambda **given: generate(small_gpt(), **given), {
        "prompt": b"def", "length": 3, "seed": 0, "temperature": 1.0, "head": -1},
        lambda said: isinstance(said, bytes) and len(said) >= 1, 30),
    "measure.probe": Target(lambda grid: measure.probe(network(), Images(**IMAGES), grid), {"grid": 1},
                            lambda scores: all(0 <= score <= 100 for score in scores), 15),
    "measure.reconstruct": Target(lambda show: measure.reconstruct(network(), Images(**IMAGES), show), {"show": 2},
                                  lambda made: len(made.errors) == 2, 15),
    "cut in groups": Target(cut, {"K": 2, "head": "mlp", "reach": None, "groups": 2, "share": 0.5, "diversity": "none"},
                            is_network, 15),
    "networks.resnet": Target(lambda **given: nets.resnet(**given).cut(1),
                              {"depth": 8, "width": 4, "classes": 4, "shape": (3, 8, 8)},
                              lambda net: isinstance(net, LocalNetwork), 20),
    "Images": Target(Images, IMAGES, is_images),
    "images.prepared": Target(lambda **given: Images(**IMAGES).prepared(**given),
                              {"mean": [0.5] * 3, "std": [0.2] * 3, "padding": "zeros"}, is_images),
    "images.batches": Target(lambda batch, augment: list(
        Images(**IMAGES).batches(batch, torch.Generator().manual_seed(0), augment)),
        {"batch": 8, "augment": True}, lambda batches: batches),
    "data.text": Target(text, {"source": None, "train": 2000, "test": 1000, "context": 16, "seed": 0,
                               "device": "cpu"}, is_text_set, 30),
    "Text": Target(Text, TEXT, is_text_set),
    "text.batches": Target(lambda batch, augment: list(
        Text(**TEXT).batches(batch, torch.Generator().manual_seed(0), augment)),
        {"batch": 8, "augment": True}, lambda batches: batches),
    "text.test_batches": Target(lambda batch: list(Text(**TEXT).test_batches(batch)), {"batch": 2},
                                lambda batches: sum(len(x) for x, _ in batches) == 12),
    "timeline.simulate": Target(simulated, {"R": reach.local(2), "batches": 2, "head": 0.5, "micro": 2,
                                            "pipeline": "1F1B"}, is_schedule),
    "front": Target(front, {"points": {"a": (1, 2), "b": (2, 3)}, "best": min},
                    lambda names: isinstance(names, list)),
    "history.column": Target(HISTORY.column, {"name": "accuracy", "module": 0}, lambda column: len(column) == 2),
    "plots.curves": Target(plots.curves, {"histories": {"a": HISTORY}, "column": "accuracy", "module": 0, "label": "y"},
                           is_figure, 15),
    "plots.by_module": Target(plots.by_module, {"histories": {"a": HISTORY}}, is_figure, 15),
    "plots.lines": Target(plots.lines, {"values": {"a": [1, 2]}, "x": "x", "y": "y"}, is_figure, 15),
    "plots.tradeoff": Target(plots.tradeoff, {"points": {"a": (1, 2), "b": (2, 3)}, "x_label": "x", "y_label": "y"},
                             is_figure, 15),
    "plots.fronts": Target(plots.fronts, {"costs": {"MACs": {"a": [(1, 2), (2, 3)]}}, "quality": "y"}, is_figure, 15),
    "plots.fronts of bits": Target(plots.fronts, {"costs": {"MACs": {"a": [(1, 2), (2, 1)]}}, "quality": BITS},
                                   is_figure, 15),
    "plots.bars": Target(plots.bars, {"values": {"a": 1, "b": 2}, "label": "x"}, is_figure, 15),
    "plots.stacked": Target(plots.stacked, {"parts": {"a": [1, 2]}, "names": ["x", "y"], "x_label": "x",
                                            "y_label": "y"}, is_figure, 15),
    "plots.shares": Target(plots.shares, {"counters": {"a": {1: 2, 2: 3}}, "label": "x"}, is_figure, 15),
    "plots.chains": Target(plots.chains, {"methods": {"a": reach.local(2)}}, is_figure, 15),
    "plots.matrix": Target(plots.matrix, {"R": reach.local(2)}, is_figure, 15),
    "plots.methods": Target(plots.methods, {"K": 2}, is_figure, 8),
    "plots.reaches": Target(plots.reaches, {"pairs": {"a": (reach.local(2), MEASURED)}, "width": 2.9,
                                            "column": "module"}, is_figure, 15),
    "plots.timeline": Target(plots.timeline, {"schedules": {"a": TASKS}, "K": 2, "until": 4.0}, is_figure, 15),
    "plots.patches": Target(plots.patches, {"rows": {"a": (PICTURES, [50, 50])}}, is_figure, 15),
    "Table": Target(Table, {"rows": [{"a": 1, "b": 2.5}], "title": "t", "notes": ["n"], "digits": {"b": 1}}, is_table,
                    60),
    "claim": Target(lambda value, over: claim("A", value, over), {"value": 2.0, "over": 1}, lambda none: none is None),
    **{f"panel.{ask}": Target(asked(panels.cuts, ask), {"K": 4, "head": "mlp"}, is_text, 15)
       for ask in ("set", "text_at")},
    "panel of readouts": Target(asked(panels.readouts, "text_at"), {"head": "tied", "width": 64, "vocabulary": 256},
                                is_text, 15),
    "panel of groups": Target(asked(panels.groups, "text_at"), {"K": 4, "G": 2, "share": 0.5, "head": "mlp"}, is_text,
                              15),
    "panel of context": Target(asked(panels.context, "text_at"), {"K": 4, "context": "R1E", "decoder": "own"}, is_text,
                               15),
}


def _set(net, **given):
    for name, value in given.items():
        setattr(net, name, value)
    return net
