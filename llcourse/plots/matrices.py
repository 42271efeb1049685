"""Figures of who trains whom: reach matrices, chains with arrows, gradients with their sizes."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.colors import LogNorm

from .. import measure
from .. import reach as reaches
from .style import module_colours


def _matrix(axes, R, title, declared=None):
    rows, K = R.shape
    axes.imshow(R, cmap="Blues", vmin=0, vmax=1.6, aspect="equal")
    for i in range(rows):
        for j in range(K):
            wrong = declared is not None and R[i, j] != declared[i, j]
            axes.text(j, i, str(R[i, j]), ha="center", va="center", fontsize=8,
                      color="crimson" if wrong else ("white" if R[i, j] else "0.75"),
                      fontweight="bold" if wrong else "normal")
    axes.set_xticks(range(K), range(1, K + 1), fontsize=7)
    axes.set_yticks(range(rows), range(1, rows + 1), fontsize=7)
    axes.set_xticks(np.arange(-0.5, K), minor=True)
    axes.set_yticks(np.arange(-0.5, rows), minor=True)
    axes.grid(False)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("module", fontsize=8)
    axes.set_ylabel("loss", fontsize=8)
    sns.despine(ax=axes, left=True, bottom=True)


def matrix(R):
    """One reach matrix."""
    figure, axes = plt.subplots(figsize=(3, 3))
    _matrix(axes, R, title="")
    figure.tight_layout()
    return figure


def reach(declared, measured):
    """A declared matrix beside a MeasuredReach; entries that differ stand out in red."""
    declared = np.asarray(declared)
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.2, 2.7))
    _matrix(left, declared, "declared")
    _matrix(right, measured.matrix, "measured by autograd", declared)
    figure.tight_layout()
    return figure  # a property of the code, not of the images: no stand-in stamp


def methods(K=4):
    """The reach matrices of every method of the course on one page."""
    rows = -(-len(reaches.METHODS) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(10, 2.7 * rows), squeeze=False)
    for ax, (name, method) in zip(axes.flat, reaches.METHODS.items()):
        _matrix(ax, method(K), name)
        ax.set_xlabel(method.column, fontsize=8)
    figure.tight_layout()
    return figure


def chains(methods):
    """Networks as chains of modules; below each, one arrow a loss, with a dot on every module that it trains.

    methods: {title: K x K reach matrix}. A dashed line is a border that no gradient crosses.
    """
    losses = [[i for i in range(len(R)) if R[i].any()] for R in methods.values()]
    figure, axes = plt.subplots(len(methods), 1, figsize=(7, sum(0.9 + 0.3 * len(rows) for rows in losses)),
                                squeeze=False, gridspec_kw={"height_ratios": [3 + len(rows) for rows in losses]})
    for ax, (title, R), rows in zip(axes[:, 0], methods.items(), losses):
        K = R.shape[1]
        for j, colour in enumerate(module_colours(K)):
            ax.add_patch(plt.Rectangle((j + 0.1, 0.5), 0.8, 1.2, color=colour))
            ax.text(j + 0.5, 1.1, f"module {j + 1}", ha="center", va="center", color="white", fontsize=9)
            ax.annotate("", (j + 0.1, 1.1), (j - 0.1, 1.1), arrowprops={"arrowstyle": "->", "color": "0.3"})
        for border in (~reaches.crossed(R)[:-1]).nonzero()[0]:
            ax.plot([border + 1] * 2, [0.3, 1.9], color="0.3", linestyle="--", linewidth=1)
        for y, i in enumerate(rows):
            trained = R[i].nonzero()[0] + 0.5
            ax.annotate("", (trained[0], -y), (i + 1, -y), arrowprops={"arrowstyle": "->", "color": "firebrick"})
            ax.plot(trained, [-y] * len(trained), "o", color="firebrick")
            ax.text(i + 1.03, -y, f"loss {i + 1}", va="center", fontsize=9, color="firebrick")
        ax.set(xlim=(-0.2, K + 0.5), ylim=(-len(rows) + 0.4, 2))
        ax.set_title(title, fontsize=10, loc="left")
        ax.axis("off")
    figure.tight_layout()
    return figure


def gradients(net, images, parts=None):
    """How much each loss moves each parameter tensor: a row a loss, a column a tensor in depth order.

    The darker, the larger the norm of the gradient, on a log scale; white where nothing arrives. net, images, parts: as
    measure.reach takes them; by default each module of a LocalNetwork is followed by its head.
    """
    if parts is None:
        named = net.parts()
        parts = {name: named[name] for i in range(len(net.heads))
                 for name in (f"module {i + 1}", f"head {i + 1}") if name in named}
    measured = measure.reach(net, images, parts=parts)
    smallest = min([norm for norm in measured.norms.flat if norm > 0], default=1.0)
    norms, widths = np.maximum(measured.norms, smallest), [len(measured.tensors[part]) for part in measured.parts]
    figure, axes = plt.subplots(figsize=(8, 1.1 + 0.34 * len(norms)))
    cells = axes.pcolormesh(np.ma.masked_invalid(norms), norm=LogNorm(), cmap=sns.color_palette("crest", as_cmap=True),
                            edgecolor="white", linewidth=0.6)
    ends = np.cumsum(widths)
    for n, (part, end, width) in enumerate(zip(measured.parts, ends, widths)):
        head, last = part.startswith("head"), n == len(widths) - 1 or not measured.parts[n + 1].startswith("head")
        axes.axvline(end, color="0.15" if last else "0.6", linewidth=1.4 if last else 0.8,
                     linestyle="-" if last else ":")
        axes.text(end - width / 2, len(norms) + 0.15 if head else -0.15, part, rotation=90 if head else 0,
                  fontsize=7 if head else 8, ha="center", va="top" if head else "bottom",
                  color="0.35" if head else "0.15")
    axes.set_yticks(np.arange(len(norms)) + 0.5, measured.losses, fontsize=9)
    axes.set_xticks([])
    axes.set(xlim=(0, ends[-1]), ylim=(len(norms), 0))
    axes.grid(False)
    figure.colorbar(cells, ax=axes, pad=0.015).set_label("norm of the gradient", fontsize=8)
    figure.axes[-1].tick_params(labelsize=8)
    figure.tight_layout()
    return figure
