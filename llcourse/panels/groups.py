"""Chapter 10's panel: ResNet-20 in K modules x G groups, and what each worker computes."""

import ipywidgets as widgets

from .. import networks, plots
from ..heads import HEADS
from .panel import Panel, Picture

NUMBERS = [1, 2, 4, 8]


def groups():
    """A Panel with the controls `K` and `G` (1, 2, 4 or 8), `share` (of other groups' channels, for a head to see) and
    `head` (a name in heads.HEADS)."""
    return Panel(_draw, _say, Picture(7.4, 3.1, down=True, share="x"),
                 K=widgets.SelectionSlider(options=NUMBERS, value=4),
                 G=widgets.SelectionSlider(options=NUMBERS, value=4),
                 share=widgets.SelectionSlider(options=[0, 0.5, 1], value=1),
                 head=widgets.Dropdown(options=list(HEADS), value="1c2f"))


def _workers(K, G, share, head):
    """[(name, how many workers, MMAC of the module of each, MMAC of its head), ...] from the image on."""
    rows = [(f"module {j}", G, m / G / 1e6, h / G / 1e6) for j, (m, h) in enumerate(
        networks.grid(K, G, head, float(share)), start=1)]
    if G > 1:
        _, _, module, of_all = rows[-1]
        rows[-1] = "final head", 1, G * module, G * of_all
    return rows


def _whole():
    return sum(networks.grid(1, 1)[0]) / 1e6


def _draw(axes, **settings):
    plots.draw_workers(axes, _workers(**settings), _whole())
    plots.named(axes, "MMAC an image, a rectangle a worker")


def _say(K, G, **settings):
    rows = _workers(K, G, **settings)
    name, _, module, head = max(rows, key=lambda row: row[2] + row[3])
    largest, total = module + head, sum(n * (m + h) for _, n, m, h in rows)
    return (f"{K} x {G} cells{' and a final head' if G > 1 else ''}, in all {100 * total / _whole():.0f} % of the "
            f"network in one piece;\nlargest worker, {name}: {module:.2f} + {head:.2f} = {largest:.2f} MMAC, "
            f"1 / {_whole() / largest:.1f} of it")
