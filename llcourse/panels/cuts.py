"""Chapter 03's panel: cut ResNet-32 into K modules, see what each worker computes."""

from functools import cache

import ipywidgets as widgets
import torch

from .. import cost, networks, plots
from ..heads import HEADS
from .panel import Panel, Picture


def cuts():
    """A Panel with the controls `K` (1 to 16) and `head` (a name in heads.HEADS)."""
    return Panel(_draw, _say, Picture(6.5, 3.2, share="y"), K=widgets.IntSlider(value=4, min=1, max=16),
                 head=widgets.Dropdown(options=list(HEADS), value="1c2f"))


@cache
def _costs(K, head):
    """Names of the blocks before the borders, and the MACs of every module and of every auxiliary head."""
    with torch.device("meta"):  # shapes only: no weights, no random numbers used up
        whole = networks.resnet(32)
        rows = cost.modules(whole.cut(K, head=head), whole.shape)
    return whole.borders(K), [body.macs for body, _ in rows], [aux.macs for _, aux in rows[:-1]] + [0]


def _draw(axes, K, head):
    _, modules, heads = _costs(K, head)
    whole = sum(modules)
    plots.draw_stacked(axes, {"module": [100 * m / whole for m in modules],
                              "its head": [100 * h / whole for h in heads]}, [str(j + 1) for j in range(K)])
    plots.named(axes, "module", "MACs (% of ResNet-32)")


def _say(K, head):
    borders, modules, heads = _costs(K, head)
    whole = sum(modules)
    workers = [module + aux for module, aux in zip(modules, heads)]
    return (f"largest worker {max(workers) / 1e6:.2f} MMAC, {100 * max(workers) / whole:.1f} % of all; "
            f"heads add {100 * sum(heads) / whole:.1f} %; borders after {', '.join(borders) or 'no block'}")
