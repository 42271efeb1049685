"""Chapter 04's panel: one module is slow, buffers hold M batches: which batch does each module see, and when?"""

import ipywidgets as widgets
import torch

from .. import plots
from .. import timeline as timelines
from ..borders.slots import TIES
from ..schedules import Asynchronous
from .panel import Panel, Picture

K, WINDOW, BATCHES = 4, 30, 1000  # modules; ticks drawn; batches that the text averages over


def ticks():
    """A Panel with the controls `slow` (a module), `S` (its slowdown), `M` (batches) and `tie` (see borders.Slots)."""
    return Panel(_draw, _say, Picture(7.2, 2.6, down=True, share="x"),
                 slow=widgets.IntSlider(value=3, min=1, max=K),
                 S=widgets.SelectionSlider(options=[1, 1.2, 2, 5], value=2),
                 M=widgets.SelectionSlider(options=[1, 2, 5, 10, 30], value=10),
                 tie=widgets.Dropdown(options=TIES))


def _run(batches, slow, S, M, tie):
    slowdown = [S if k + 1 == slow else 1 for k in range(K)]
    turns = Asynchronous(slowdown).turns(range(K), batches, torch.Generator().manual_seed(1))
    return timelines.asynchronous(turns, K, M, tie)


def _draw(axes, **settings):
    tasks, _ = _run(BATCHES, **settings)
    plots.draw_timeline(axes, tasks, K, WINDOW)


def _say(**settings):
    tasks, buffers = _run(BATCHES, **settings)
    seen = [len({task.batch for task in tasks if task.worker == k}) for k in range(K)]
    stale = ", ".join(f"{slots.mean_staleness:.1f}" for slots in buffers)
    return (f"over {BATCHES:,} rounds: mean staleness at modules 2 to {K}: {stale} batches; "
            f"different batches seen by modules 1 to {K}: {', '.join(map(str, seen))}")
