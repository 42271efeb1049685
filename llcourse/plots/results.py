"""Figures of what runs left behind: curves, scores by module, trade-offs, bars."""

import math
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from .. import data
from ..arguments import several
from ..data.score import ACCURACY
from ..history import History
from .given import entries, label, numbers, text
from .labels import place_labels
from .style import DASHES, HATCHES, MARKERS, SMALL, colours, ground, legend, module_colours, named, room, stamped


def curves(histories, column=None, module=-1, label=None):
    """One line a run over the epochs. histories: {name: History}.   column: of their rows, by default the score."""
    score = _score(histories)
    column = score.name if column is None else column
    label = (score.label if column == score.name else column) if label is None else label
    return _lines({name: history.column(column, module) for name, history in histories.items()}, "epoch", label,
                  any(history.standin for history in histories.values()))


def by_module(histories):
    """The score of every head after training: one line a run from the first module to the last."""
    score = _score(histories)
    return _lines({name: history.by_head for name, history in histories.items()}, "head of module", score.label,
                  any(history.standin for history in histories.values()))


def _score(histories):
    """The one Score of {name: History}; ValueError for anything else, and for scores that are no line's neighbours."""
    for name, history in entries(histories).items():
        if not isinstance(history, History):
            raise ValueError(f"{name!r} is drawn of a History, what `train` returns; got {history!r}")
    score, *others = dict.fromkeys(history.score for history in histories.values())
    if others:
        raise ValueError(f"one figure shows one score; these runs have {score.name} and {others[0].name}")
    return score


def lines(values, x, y):
    """One line each through its values at 1, 2, 3 ... values: {name: numbers}."""
    return _lines(values, x, y, data.standin_in_use())  # numbers have no source of their own


def _lines(lines, x, y, standin):
    entries(lines)
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    draw_lines(axes, lines)
    named(axes, x, y)
    legend(figure, loc="outside right center", handlelength=3.5)  # beside the lines, which fill the axes
    return stamped(figure, standin)


def draw_lines(axes, lines):
    """Draw {name: values at 1, 2, 3 ...} on an Axes; lines differ in dashes, marker and colour."""
    for (name, values), dash, marker, colour in zip(lines.items(), cycle(DASHES), cycle(MARKERS), colours()):
        values = numbers(name, values)
        axes.plot(range(1, len(values) + 1), values, linestyle=dash, marker=marker, color=colour, markersize=5,
                  linewidth=1.6, label=label(name))
    axes.xaxis.get_major_locator().set_params(integer=True)
    ground(axes, "both")


def tradeoff(points, x_label, y_label=ACCURACY.label):
    """Points with their names beside them, such as accuracy against cost. points: {name: (x, y)}."""
    points = {text(name): numbers(name, xy, 2) for name, xy in entries(points).items()}
    figure, axes = plt.subplots(figsize=(7, 3.8))
    for (x, y), marker, colour in zip(points.values(), cycle(MARKERS), colours()):
        axes.scatter(x, y, s=60, marker=marker, color=colour, edgecolor="0.15", linewidth=0.8, zorder=3)
    axes.margins(x=0.2, y=0.2)
    named(axes, x_label, y_label)
    ground(axes, "both")
    figure.tight_layout()
    place_labels(axes, points)
    return stamped(figure, data.standin_in_use())  # points have no source of their own


def shares(counters, label):
    """How often each number occurred, in percent: bars side by side. counters: {title: {number: times}}."""
    counters = {title: dict(zip(numbers(title, entries(counter)), numbers(title, counter.values())))
                for title, counter in entries(counters).items()}
    for title, counter in counters.items():
        if not sum(counter.values()) > 0:
            raise ValueError(f"{title!r} has counted nothing: {counter}")
    figure, every = plt.subplots(1, len(counters), figsize=(2.7 * len(counters) + 0.6, 2.6), sharex=True, sharey=True,
                                 squeeze=False, layout="constrained")
    for axes, (title, counter), colour in zip(every.flat, counters.items(), colours()):
        total = sum(counter.values())
        axes.bar(list(counter), [100 * n / total for n in counter.values()], color=colour)
        axes.xaxis.get_major_locator().set_params(integer=True)
        named(axes, label, "% of all", title)
        axes.label_outer()
        ground(axes, "y")
    return figure


def bars(values, label, note="{:.0f}"):
    """Horizontal bars. values: {name: number}."""
    figure, axes = plt.subplots(figsize=(6, 0.45 * len(entries(values)) + 1), layout="constrained")
    draw_bars(axes, values, note)
    named(axes, label)
    return figure


def draw_bars(axes, values, note="{:.0f}"):
    """Draw horizontal bars on an Axes, each with its value, which stands on clean ground."""
    widths = [number for name, value in values.items() for number in numbers(name, [value])]
    shown = axes.barh([text(name) for name in values], widths, color=module_colours(len(values)))
    axes.bar_label(shown, fmt=note, padding=3, fontsize=SMALL)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
    axes.margins(x=0.2)
    ground(axes)


def stacked(parts, names, x_label, y_label):
    """Bars in parts, one on top of the other. parts: {part: a number for each bar}; names: of the bars."""
    if not (names := several("names", names)):
        raise ValueError("names are of the bars, at least one; got none")
    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    draw_stacked(axes, entries(parts), names)
    named(axes, x_label, y_label)
    legend(figure, loc="outside upper center", ncols=len(parts))
    return figure


def draw_stacked(axes, parts, names):
    """Draw bars in parts on an Axes; parts differ in shade and hatch."""
    names, below = [text(name) for name in names], np.zeros(len(names))
    for (part, values), colour, hatch in zip(parts.items(), sns.color_palette("crest_r", len(parts)), cycle(HATCHES)):
        values = numbers(part, values, len(names))
        for bar in axes.bar(names, values, bottom=below, color=colour, hatch=hatch, edgecolor="white", linewidth=0,
                            label=label(part)):
            bar.sticky_edges.y[:] = [0]  # an empty part on top would hold the axis down to the bar's end
        below += values
    step = math.ceil((0.66 * SMALL * max(map(len, names)) + 4) * len(names) / room(axes)[0])
    axes.set_xticks(range(0, len(names), step), names[::step])  # each name, or where they would touch, some
    ground(axes, "y")
