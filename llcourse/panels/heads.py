"""Chapter 02's panel: what a head costs beside one residual block on the same features."""

import ipywidgets as widgets
import torch

from .. import cost, networks, plots
from .. import heads as kinds
from .panel import Panel


def heads():
    """A Panel with the controls `head` (a name in heads.HEADS), `C` (channels) and `size` (resolution)."""
    return Panel(_draw, head=widgets.Dropdown(options=list(kinds.HEADS), value="mlp"),
                 C=widgets.SelectionSlider(options=[16, 32, 64, 128, 256, 512], value=32),
                 size=widgets.SelectionSlider(options=[4, 8, 16, 32], value=16))


def _draw(head, C, size):
    shape = (C, size, size)
    with torch.device("meta"):  # shapes alone matter
        of_head = cost.count(kinds.make(head, shape, classes=10), shape)
        block = cost.count(networks.ResidualBlock(C, C, stride=1), shape)
    shares = {"residual block": 100, "head, MACs": 100 * of_head.macs / block.macs,
              "head, parameters": 100 * of_head.parameters / block.parameters}
    return plots.bars(shares, "% of one residual block", note="{:.0f}"), (
        f"{head} on {C} x {size} x {size}: {of_head.macs:,} MACs, {of_head.parameters:,} parameters; "
        f"one residual block there: {block.macs:,} MACs, {block.parameters:,} parameters")
