"""Chapter 00's panel: pick a method and K, see its reach."""

import ipywidgets as widgets

from .. import plots
from .. import reach as reaches
from ..wiring import IMAGE
from .panel import Panel, Picture


def reach():
    """A Panel with the controls `method` (a name in reach.METHODS) and `K`."""
    return Panel(_draw, _say, Picture(3.8, 3.8), method=widgets.Dropdown(options=list(reaches.METHODS)),
                 K=widgets.IntSlider(value=4, min=1, max=8))


def _draw(axes, method, K):
    chosen = reaches.METHODS[method]
    plots.draw_matrix(axes, chosen(K), column=chosen.column)


def _say(method, K):
    chosen = reaches.METHODS[method]
    R, wiring = chosen(K), chosen.wiring(K)
    # the modules that have a border above them
    read = sorted({s for sources in wiring.cells for s in sources} - {IMAGE})
    detached = int((~reaches.crossed(R, wiring)[read]).sum())
    heads_alone = len(R) - R.shape[1]
    return (f"losses computed: {int(R.any(axis=1).sum()) + heads_alone}; "
            f"borders detached: {detached} of {len(read)}")
