"""Chapter 08's panel: what a head of a language model costs beside the block that it trains."""

from functools import cache

import ipywidgets as widgets
import torch

from .. import cost, networks, plots, sequences
from .panel import Panel, Picture

CONTEXT = 128


def readouts():
    """A Panel with the controls `head` (a name in sequences.HEADS), `width` and `vocabulary`."""
    return Panel(_draw, _say, Picture(6.5, 2.6, share="xy"),
                 head=widgets.Dropdown(options=list(sequences.HEADS), value="projection"),
                 width=widgets.SelectionSlider(options=[32, 64, 128, 256, 512, 1024], value=64),
                 vocabulary=widgets.SelectionSlider(options=[64, 256, 1024, 8192, 32768], value=256))


@cache
def _counts(head, width, vocabulary):
    """(what a block costs, what the head costs, the head's training step over the block's), at a context of 128."""
    with torch.device("meta"):  # shapes alone matter
        net = networks.gpt(2, width, 2, CONTEXT, vocabulary).cut(2, head)
        block = cost.count(net.body[1], (CONTEXT, width))
        of_head = cost.modules(net, (CONTEXT,))[0][1]
    return block, of_head, (2 if getattr(net.heads[0], "reads", ()) else 3) * of_head.macs / (3 * block.macs)


def _draw(axes, head, width, vocabulary):
    block, of_head, share = _counts(head, width, vocabulary)
    plots.draw_bars(axes, {"block": 100, "head, MACs": 100 * of_head.macs / block.macs,
                           "head, training step": 100 * share,
                           "head, parameters": 100 * of_head.parameters / block.parameters})
    plots.named(axes, "% of one block")


def _say(head, width, vocabulary):
    block, of_head, share = _counts(head, width, vocabulary)
    return (f"{head}, {vocabulary:,} bytes or tokens, width {width}: {of_head.macs // CONTEXT:,} MACs a position, "
            f"{of_head.parameters:,} parameters (a block: {block.macs // CONTEXT:,} and {block.parameters:,}); "
            f"a training step costs {100 * share:.0f} % of that of the block")
