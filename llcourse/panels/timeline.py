"""Chapter 01's panel: pick a method and K, see who waits for whom."""

import ipywidgets as widgets

from .. import plots
from .. import reach as reaches
from .. import timeline as timelines
from .panel import Panel

CHAINS = {name: R for name, R in reaches.METHODS.items() if len(R(1)) == 1}  # a worker a module: all but the groups
WINDOW = 24  # one batch of backprop at K = 8


def timeline():
    """A Panel with the controls `method` (a name in reach.METHODS, neuron groups left out) and `K`."""
    return Panel(_draw, method=widgets.Dropdown(options=list(CHAINS)), K=widgets.IntSlider(value=4, min=1, max=8))


def _draw(method, K):
    R = CHAINS[method](K)
    figure = plots.timeline({f"{method}, K = {K}": timelines.simulate(R, WINDOW // 3)}, K, until=WINDOW)
    period = timelines.batch_time(R)
    busy = sum(task.end - task.start for task in timelines.simulate(R, 1)) / (K * period)
    return figure, f"once in step: a batch every {period:g} units of time; the workers are busy {100 * busy:.3g} % of it"
