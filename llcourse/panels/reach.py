"""Chapter 00's panel: pick a method and K, see its reach."""

import ipywidgets as widgets

from .. import plots
from .. import reach as reaches
from .panel import Panel


def reach():
    """A Panel with the controls `method` (a name in reach.METHODS) and `K`."""
    return Panel(_draw, method=widgets.Dropdown(options=list(reaches.METHODS)),
                 K=widgets.IntSlider(value=4, min=1, max=8))


def _draw(method, K):
    R = reaches.METHODS[method](K)
    detached = K - 1 - int(reaches.crossed(R).sum()) if R.shape[0] == K else K - 1
    return plots.matrix(R), f"losses computed: {int(R.any(axis=1).sum())}; borders detached: {detached} of {K - 1}"
