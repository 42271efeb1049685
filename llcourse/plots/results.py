"""Figures of what runs left behind: curves, accuracy by module, trade-offs, bars."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from .. import data
from .style import module_colours, stamped


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
    return stamped(figure, any(history.standin for history in histories.values()))


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
    return stamped(figure, any(history.standin for history in histories.values()))


def tradeoff(points, x_label, y_label="test accuracy (%)"):
    """Labelled points, such as accuracy against cost. points: {name: (x, y)}."""
    figure, axes = plt.subplots(figsize=(6, 3.4))
    widths = [x for x, _ in points.values()]
    for (name, (x, y)), colour in zip(points.items(), cycle(sns.color_palette("colorblind"))):
        # towards the middle, so that no label leaves the frame
        inwards = 1 if x < (min(widths) + max(widths)) / 2 else -1
        axes.scatter(x, y, s=60, color=colour, zorder=3)
        axes.annotate(name, (x, y), xytext=(7 * inwards, 4), textcoords="offset points", fontsize=9,
                      ha="left" if inwards == 1 else "right")
    axes.margins(x=0.2, y=0.2)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    figure.tight_layout()
    return stamped(figure, data.standin_in_use())  # points have no source of their own


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
