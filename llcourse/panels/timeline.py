"""Chapter 01's panel: pick a method and K, see who waits for whom."""

import ipywidgets as widgets

from .. import plots
from .. import reach as reaches
from .. import timeline as timelines
from .panel import Panel, Picture

WINDOW = 24  # one batch of backprop at K = 8


def timeline():
    """A Panel with the controls `method` (a name in reach.METHODS) and `K`."""
    return Panel(_draw, _say, Picture(7.2, 3.4, down=True, share="x"),
                 method=widgets.Dropdown(options=list(reaches.METHODS)), K=widgets.IntSlider(value=4, min=1, max=8))


def _draw(axes, method, K):
    chosen = reaches.METHODS[method]
    R = chosen(K)
    plots.draw_timeline(axes, timelines.simulate(R, WINDOW // 3, wiring=chosen.wiring(K)), R.shape[1], WINDOW)


def _say(method, K):
    chosen = reaches.METHODS[method]
    R, wiring = chosen(K), chosen.wiring(K)
    busy = 1 - timelines.bubble(R, wiring=wiring)
    return (f"once in step: a batch every {timelines.batch_time(R, wiring=wiring):g} units of time; "
            f"the workers are busy {100 * busy:.3g} % of it")
