"""Figures of networks as chains of modules, an arrow a loss."""

import matplotlib.pyplot as plt

from ..reach import crossed
from .given import entries, matrix, text
from .style import SMALL, TITLE, module_colours


def chains(methods):
    """Networks as chains of modules; below each, one arrow a loss, with a dot on every module that it trains.

    methods: {title: K x K reach matrix}. A dashed line is a border that no gradient crosses.
    """
    methods = {title: matrix(R) for title, R in entries(methods).items()}
    losses = [[i for i in range(len(R)) if R[i].any()] for R in methods.values()]
    figure, axes = plt.subplots(len(methods), 1, figsize=(7, sum(0.9 + 0.3 * len(rows) for rows in losses)),
                                squeeze=False, gridspec_kw={"height_ratios": [3 + len(rows) for rows in losses]},
                                layout="constrained")
    for ax, (title, R), rows in zip(axes[:, 0], methods.items(), losses):
        draw_chain(ax, R, rows)
        ax.set_title(text(title), fontsize=TITLE, loc="left")
    return figure


def draw_chain(axes, R, rows):
    """Draw a chain of modules on an Axes, and below it the arrows of the losses `rows`."""
    K = R.shape[1]
    for j, colour in enumerate(module_colours(K)):
        axes.add_patch(plt.Rectangle((j + 0.1, 0.5), 0.8, 1.2, color=colour))
        axes.text(j + 0.5, 1.1, f"module {j + 1}", ha="center", va="center", color="white", fontsize=SMALL)
        axes.annotate("", (j + 0.1, 1.1), (j - 0.1, 1.1), arrowprops={"arrowstyle": "->", "color": "0.3"})
    for border in (~crossed(R)[:-1]).nonzero()[0]:
        axes.plot([border + 1] * 2, [0.3, 1.9], color="0.3", linestyle="--", linewidth=1)
    for y, i in enumerate(rows):
        trained = R[i].nonzero()[0] + 0.5
        axes.annotate("", (trained[0], -y), (i + 1, -y), arrowprops={"arrowstyle": "->", "color": "firebrick"})
        axes.plot(trained, [-y] * len(trained), "o", color="firebrick")
        axes.text(i + 1.03, -y, f"loss {i + 1}", va="center", fontsize=SMALL, color="firebrick")
    axes.set(xlim=(-0.2, K + 0.5), ylim=(-len(rows) + 0.4, 2))
    axes.axis("off")
