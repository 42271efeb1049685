"""Chapter 11's panel: two workers with a queue between them. What does its length hide, and what not?"""

import ipywidgets as widgets

from .. import plots
from ..timeline import Task
from .panel import Panel, Picture

BATCHES = 24
PACES = {"even": [1.0], "by turns": [0.5] * 5 + [3.5], "slow": [1.25]}  # worker 1's times; worker 2 always takes 1


def queues():
    """A Panel with the controls `M` (batches that the queue holds) and `pace` (of worker 1)."""
    return Panel(_draw, _say, Picture(7.2, 1.9, down=True, share="x"),
                 M=widgets.SelectionSlider(options=[0, 1, 2, 3, 4, 8], value=1),
                 pace=widgets.Dropdown(options=list(PACES), value="by turns"))


def _run(M, pace):
    """Tasks of both workers. Worker 1 keeps a batch that finds no place, and begins no other."""
    tasks, put, ends = [], 0.0, []
    for n in range(BATCHES):
        begun, put = put, put + PACES[pace][n % len(PACES[pace])]
        tasks.append(Task(0, "forward", n, begun, put))
        if n > M:
            put = max(put, ends[n - M - 1])
        begun = max([put, *ends[-1:]])
        ends.append(begun + 1)
        tasks.append(Task(1, "forward", n, begun, begun + 1))
    return tasks


def _draw(axes, **settings):
    plots.draw_timeline(axes, _run(**settings), 2, 1.4 * BATCHES)


def _say(M, pace):
    end, endless = (_run(places, pace)[-1].end for places in (M, BATCHES))
    return f"{BATCHES} batches take {end:g}; with a queue without an end {endless:g}"
