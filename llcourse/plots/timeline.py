"""Gantt charts of simulated workers."""

import math

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from ..arguments import number, whole
from ..timeline import Task
from .given import entries, several_of
from .style import LEAST, SMALL, ground, legend, named, room

HUES = 8
# Equal lightness within a kind: in grey every forward is light and every backward dark, whatever the batch.
FORWARD, BACKWARD = sns.husl_palette(HUES, s=0.6, l=0.87), sns.husl_palette(HUES, s=0.85, l=0.48)
WEIGHT, FROZEN = sns.husl_palette(HUES, s=0.7, l=0.68), "0.97"
KINDS = {  # name, colours of the batches, the colour that stands for them in the legend, hatch, edge
    "forward": ("forward", FORWARD, "0.85", "", "white"),
    "backward": ("backward", BACKWARD, "0.42", "///", "white"),
    "weight": ("weight gradient", WEIGHT, "0.65", "...", "white"),
    "repeat": ("frozen forward", [FROZEN], FROZEN, "", "0.55"),
    "update": ("update", FORWARD, "0.85", "", "white"),
}
TIME = "time (1 = forward pass of one module)"
TICKS = "tick (one module's turn)"


def timeline(schedules, K, until=None):
    """Gantt charts, one above the other. schedules: {title: list of timeline.Task}; until: cut the time axis there."""
    K, until = whole("K", K, least=1), None if until is None else number("until", until, above=0)
    schedules = {title: several_of(Task, title, tasks) for title, tasks in entries(schedules).items()}
    if not any(schedules.values()):
        raise ValueError("no task to draw: every schedule is empty")
    span = until or max(task.end for tasks in schedules.values() for task in tasks)
    figure, axes = plt.subplots(len(schedules), 1, figsize=(8, 0.9 + (0.35 * K + 0.35) * len(schedules)), sharex=True,
                                squeeze=False, layout="constrained")
    for ax, (title, tasks) in zip(axes[:, 0], schedules.items()):
        draw_timeline(ax, tasks, K, span, title)
        ax.label_outer()
    legend(figure, loc="outside lower right", ncols=3)
    return figure


def draw_timeline(axes, tasks, K, span, title=""):
    """Draw the tasks of K workers on an Axes up to the time `span`: backward hatched and dark, the batch in each bar.

    Repeated forwards through frozen modules are grey, updates of asynchronous modules take a tick each. Where phases
    differ, a dashed line marks the start of each.
    """
    ticks = tasks and all(task.kind == "update" for task in tasks)
    named(axes, TICKS if ticks else TIME, "module" if ticks else "worker", title, left=True)
    ground(axes)
    axes.set(xlim=(0, span), ylim=(K + 0.5, 0.5))
    axes.set_yticks(range(1, K + 1, math.ceil(SMALL * K / room(axes)[1])))  # each worker, or where it is low, some
    for task in tasks:
        if task.start < span:
            _, colours, _, hatch, edge = KINDS[task.kind]
            colour = colours[3 * task.batch % len(colours)]  # neighbours far apart on the wheel
            axes.barh(task.worker + 1, task.end - task.start, left=task.start, height=0.8, color=colour, hatch=hatch,
                      edgecolor=edge, linewidth=0.5)
            _write(axes, str(task.batch + 1), (task.start, min(task.end, span)), task.worker + 1, LEAST,
                   color="white" if task.kind == "backward" else "0.15",
                   bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.3})  # no hatch through the number
    for kind, (name, _, colour, hatch, edge) in KINDS.items():
        if any(task.kind == kind for task in tasks):  # an empty bar for the legend, of no batch's colour
            axes.add_patch(plt.Rectangle((0, 1), 0, 0, facecolor=colour, hatch=hatch, edgecolor=edge, label=name))
    _phases(axes, tasks, span)


def _phases(axes, tasks, span):
    starts = {}
    for task in tasks:
        if task.kind != "repeat":  # frozen workers run ahead of the training that gives a phase its name
            starts[task.phase] = min(task.start, starts.get(task.phase, task.start))
    if len(starts) < 2:
        return
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top - 0.8)  # room for their names above the first worker
    ordered = sorted(starts.items(), key=lambda item: item[1])
    ends = [start for _, start in ordered[1:]] + [max(task.end for task in tasks)]
    for (phase, start), end in zip(ordered, ends):
        if start >= span:
            continue
        if start > ordered[0][1]:
            axes.axvline(start, color="0.25", linestyle="--", linewidth=1.2)
        _write(axes, f"phase {phase + 1}", (start, min(end, span)), top - 0.35, SMALL, color="0.15")


def _write(axes, text, interval, y, size, **style):
    """Text in the middle of an interval of time, left out where there is no room for it."""
    unit = room(axes) / abs(np.array([np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0]]))
    if (interval[1] - interval[0]) * unit[0] >= 0.66 * size * len(text) + 1 and 0.95 * unit[1] >= size:
        axes.text(sum(interval) / 2, y, text, ha="center", va="center", fontsize=size, **style,
                  in_layout=False)  # it lies inside the axes; to ask hundreds of them takes long
