"""Figures of the course. Every function returns the matplotlib Figure and shows nothing by itself.

One colour a module everywhere, light to dark with depth; a figure drawn from stand-in data says so.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.patches import Patch

from . import data
from . import reach as reaches


def module_colours(K):
    """K colours, light to dark, first module to last."""
    return sns.color_palette("crest", K)


def _finish(figure, standin):
    if standin:
        figure.text(0.5, 0.5, "STAND-IN DATA, not CIFAR-10", color="crimson", alpha=0.35, fontsize=20, rotation=15,
                    ha="center", va="center")
    return figure


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
    figure, axes = plt.subplots(len(methods), 1, figsize=(7, sum(0.9 + 0.3 * len(rows) for rows in losses)), squeeze=False,
                                gridspec_kw={"height_ratios": [3 + len(rows) for rows in losses]})
    for ax, (title, R), rows in zip(axes[:, 0], methods.items(), losses):
        K = R.shape[1]
        for j, colour in enumerate(module_colours(K)):
            ax.add_patch(plt.Rectangle((j + 0.1, 0.5), 0.8, 1.2, color=colour))
            ax.text(j + 0.5, 1.1, f"module {j + 1}", ha="center", va="center", color="white", fontsize=9)
            ax.annotate("", (j + 0.1, 1.1), (j - 0.1, 1.1), arrowprops={"arrowstyle": "->", "color": "0.3"})
        for border in (~reaches.crossed(R)).nonzero()[0]:
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


def curves(histories, column="accuracy", module=-1, label="test accuracy (%)"):
    """One line a run over the epochs. histories: {name: History}."""
    figure, axes = plt.subplots(figsize=(7.5, 3.4))
    for name, history in histories.items():
        axes.plot(range(1, len(history.rows) + 1), history.column(column, module), marker="o", markersize=3, label=name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))  # beside the lines, which fill the axes
    figure.tight_layout()
    return _finish(figure, any(history.standin for history in histories.values()))


def by_module(histories):
    """Test accuracy of every head after training: one line a run from the first module to the last."""
    figure, axes = plt.subplots(figsize=(6, 3.4))
    for name, history in histories.items():
        axes.plot(range(1, len(history.accuracies) + 1), history.accuracies, marker="o", label=name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("head of module")
    axes.set_ylabel("test accuracy (%)")
    axes.legend(frameon=False)
    figure.tight_layout()
    return _finish(figure, any(history.standin for history in histories.values()))


def tradeoff(points, x_label, y_label="test accuracy (%)"):
    """Labelled points, such as accuracy against cost. points: {name: (x, y)}."""
    figure, axes = plt.subplots(figsize=(6, 3.4))
    widths = [x for x, _ in points.values()]
    for (name, (x, y)), colour in zip(points.items(), cycle(sns.color_palette("colorblind"))):
        inwards = 1 if x < (min(widths) + max(widths)) / 2 else -1  # towards the middle, so that no label leaves the frame
        axes.scatter(x, y, s=60, color=colour, zorder=3)
        axes.annotate(name, (x, y), xytext=(7 * inwards, 4), textcoords="offset points", fontsize=9,
                      ha="left" if inwards == 1 else "right")
    axes.margins(x=0.2, y=0.2)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    figure.tight_layout()
    return _finish(figure, data.standin_in_use())  # points have no source of their own


def bars(values, label, note="{:.0f}"):
    """Horizontal bars. values: {name: number}."""
    figure, axes = plt.subplots(figsize=(6, 0.45 * len(values) + 1))
    shown = axes.barh(list(values), list(values.values()), color=module_colours(len(values)))
    axes.bar_label(shown, fmt=note, padding=3, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel(label)
    figure.tight_layout()
    return figure


def stacked(parts, names, x_label, y_label):
    """Bars in parts, one on top of the other. parts: {part: a number for each bar}; names: of the bars."""
    figure, axes = plt.subplots(figsize=(6, 3.4))
    below = np.zeros(len(names))
    for (part, values), colour in zip(parts.items(), sns.color_palette("crest_r", len(parts))):
        axes.bar(names, values, bottom=below, color=colour, label=part)
        below += values
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(False, axis="x")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(parts))
    figure.tight_layout()
    return figure


def timeline(schedules, K, until=None):
    """Gantt charts, one above the other. schedules: {title: list of timeline.Task}; until: cut the time axis there."""
    figure, axes = plt.subplots(len(schedules), 1, figsize=(8, 0.35 * K * len(schedules) + 1.2), sharex=True, squeeze=False)
    colours = sns.color_palette("colorblind")
    for ax, (title, tasks) in zip(axes[:, 0], schedules.items()):
        for task in tasks:
            backward = task.kind == "backward"
            ax.barh(task.worker + 1, task.end - task.start, left=task.start, height=0.8, edgecolor="white",
                    linewidth=0.5, color=colours[task.batch % len(colours)], alpha=1 if backward else 0.45)
        ax.set_yticks(range(1, K + 1))
        ax.invert_yaxis()
        ax.grid(False)
        ax.set_ylabel("worker")
        ax.set_title(title, fontsize=10, loc="left")
    axes[-1, 0].set_xlabel("time (1 = forward pass of one module)")
    if until:
        axes[-1, 0].set_xlim(0, until)
    axes[0, 0].legend(handles=[Patch(color="0.4", alpha=0.45, label="forward"), Patch(color="0.4", label="backward")],
                      loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    figure.tight_layout()
    return figure
