"""Figure of gradients with their sizes: which loss moves which parameter, and by how much."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.colors import LogNorm

from .. import measure
from .style import LABEL, LEAST, SMALL, ground

ROOM = 0.011  # of a figure's width, that a letter above it takes


def gradients(net, images, parts=None):
    """How much each loss moves each parameter tensor: a row a loss, a column a tensor in depth order.

    The darker, the larger the norm of the gradient, on a log scale; white where nothing arrives. net, images, parts: as
    measure.reach takes them; by default each module of a LocalNetwork, group by group where it has some, is followed by
    its head.
    """
    if parts is None:
        named = net.parts()
        parts = {name: named[name] for name in sorted(named, key=_depth)}
    measured = measure.reach(net, images, parts=parts)
    smallest = min([norm for norm in measured.norms.flat if norm > 0], default=1.0)
    norms, widths = np.maximum(measured.norms, smallest), [len(measured.tensors[part]) for part in measured.parts]
    figure, axes = plt.subplots(figsize=(8, 1.3 + 0.34 * len(norms)), layout="constrained")
    cells = axes.pcolormesh(np.ma.masked_invalid(norms), norm=LogNorm(), cmap=sns.color_palette("crest", as_cmap=True),
                            edgecolor="white", linewidth=0.6)
    ends = np.cumsum(widths)
    if crowded := any(width / ends[-1] < ROOM * len(part) for part, width in zip(measured.parts, widths)
                      if part.startswith("module")):
        axes.text(0, -0.15, "module ", fontsize=SMALL, ha="right", va="bottom", color="0.15")
    for n, (part, end, width) in enumerate(zip(measured.parts, ends, widths)):
        head, last = part.startswith("head"), n == len(widths) - 1 or not measured.parts[n + 1].startswith("head")
        axes.axvline(end, color="0.15" if last else "0.6", linewidth=1.4 if last else 0.8,
                     linestyle="-" if last else ":")
        text = part.removeprefix("module ") if crowded else part
        axes.text(end - width / 2, len(norms) + 0.15 if head else -0.15, text, rotation=90 if head else 0,
                  fontsize=LEAST if head else SMALL, ha="center", va="top" if head else "bottom",
                  color="0.35" if head else "0.15")
    axes.set_yticks(np.arange(len(norms)) + 0.5, measured.losses, fontsize=SMALL)
    axes.set_xticks([])
    axes.set(xlim=(0, ends[-1]), ylim=(len(norms), 0))
    ground(axes)
    figure.colorbar(cells, ax=axes, pad=0.015).set_label("norm of the gradient", fontsize=LABEL)
    figure.axes[-1].tick_params(labelsize=SMALL)
    return figure


def _depth(name):
    """module 1.1, head 1.1, module 1.2 ..."""
    kind, _, number = name.partition(" ")
    return tuple(map(int, number.split("."))), kind == "head"
