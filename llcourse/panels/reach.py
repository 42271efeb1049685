"""Chapter 00's panel: pick a method and K, see its reach."""

import ipywidgets as widgets

from .. import plots
from .. import reach as reaches
from ..wiring import IMAGE
from .panel import Panel


def reach():
    """A Panel with the controls `method` (a name in reach.METHODS) and `K`."""
    return Panel(_draw, method=widgets.Dropdown(options=list(reaches.METHODS)),
                 K=widgets.IntSlider(value=4, min=1, max=8))


def _draw(method, K):
    chosen = reaches.METHODS[method]
    R, wiring = chosen(K), chosen.wiring(K)
    # the modules that have a border above them
    read = sorted({s for sources in wiring.cells for s in sources} - {IMAGE})
    detached = int((~reaches.crossed(R, wiring)[read]).sum())
    heads_alone = len(R) - R.shape[1]
    return plots.matrix(R), (f"losses computed: {int(R.any(axis=1).sum()) + heads_alone}; "
                             f"borders detached: {detached} of {len(read)}")
