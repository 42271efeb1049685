"""Chapter 07's panel: a pipeline of K workers, from local learning (N = 1) to backprop (N = K)."""

import ipywidgets as widgets

from .. import plots
from .. import reach as reaches
from .. import timeline as timelines
from .panel import Panel, Picture

WINDOW = 33  # one batch of 1F1B at K = 4, eight micro-batches, without heads and latency


def pipeline():
    """A Panel with the controls `pipeline` (a name in timeline.PIPELINES), `K`, `micro` (micro-batches a batch), `N`
    (N-wise interlocking, K at most), `head` (an auxiliary head's forward pass) and `latency` (of a message)."""
    return Panel(_draw, _say, Picture(7.2, 2.9, down=True, share="x"),
                 pipeline=widgets.Dropdown(options=list(timelines.PIPELINES), value="1F1B"),
                 K=widgets.IntSlider(value=4, min=1, max=8),
                 micro=widgets.SelectionSlider(options=[1, 2, 4, 8, 16, 32], value=8),
                 N=widgets.IntSlider(value=4, min=1, max=8),
                 head=widgets.SelectionSlider(options=[0, 0.25, 0.5, 1], value=0),
                 latency=widgets.SelectionSlider(options=[0, 0.5, 1, 2], value=0))


def _draw(axes, K, N, micro, **settings):
    tasks = timelines.simulate(reaches.interlocking(K, min(N, K)), -(-WINDOW // micro), micro=micro, **settings)
    plots.draw_timeline(axes, tasks, K, WINDOW)


def _say(K, N, micro, **settings):
    R = reaches.interlocking(K, min(N, K))
    period = timelines.batch_time(R, micro=micro, **settings)
    held = timelines.held(timelines.simulate(R, 2, micro=micro, **settings), K)
    idle = timelines.bubble(R, micro=micro, **settings)
    return (f"a micro-batch every {period / micro:.3g} units of time, the workers idle {100 * idle:.3g} % of it; "
            f"micro-batches kept by workers 1 to {K}: {', '.join(map(str, held))}")
