"""Chapter 09's panel: what keeps the image in ResNet-32's modules, and who pays for it when."""

import ipywidgets as widgets

from .. import networks, plots
from .panel import Panel, Picture

STAYS = {"module": ("module", "classifier"), "encoder, shortcut": ("encoder", "shortcut")}
VANISHES = {"head": ("head",), "decoder": ("decoder",)}


def context():
    """A Panel with the controls `K` (2, 4, 8 or 16), `context` (what borders supply: a context.Mode, as R1E) and
    `decoder` (InfoPro's: none, or a name in objectives.DECODERS)."""
    return Panel(_draw, _say, Picture(7.4, 3.8, down=True, share="x"),
                 K=widgets.SelectionSlider(options=[2, 4, 8, 16], value=4),
                 context=widgets.Dropdown(options=["R0", "E", "R1", "R1E", "e", "R1e"], value="E"),
                 decoder=widgets.Dropdown(options=["none", "full", "own"], value="none"))


def _macs(kinds, K, context, decoder):
    """MMAC of the parts of these kinds, one number a module."""
    parts = networks.ledger(K, context, None if decoder == "none" else decoder)
    return [sum(part.macs for part in parts if part.module == j and part.kind in kinds) / 1e6 for j in range(1, K + 1)]


def _draw(axes, K, **settings):
    stays, vanishes = ({part: _macs(kinds, K, **settings) for part, kinds in parts.items()}
                       for parts in (STAYS, VANISHES))
    plots.draw_bill(axes, stays, vanishes, [str(j) for j in range(1, K + 1)])
    plots.named(axes, "MMAC of an image's forward pass: what stays at inference + what vanishes", "module")


def _say(K, **settings):
    whole = sum(part.macs for part in networks.ledger(1)) / 1e6
    of = {part: sum(_macs(kinds, K, **settings)) for part, kinds in (STAYS | VANISHES).items()}
    inference, all_of_it = sum(of[part] for part in STAYS), sum(of.values())
    return (f"training computes {all_of_it / whole:.2f} times what backprop does, inference {inference / whole:.2f} "
            f"times;\nheads and decoders, {of['head']:.1f} + {of['decoder']:.1f} MMAC, vanish; encoders and shortcuts, "
            f"{of['encoder, shortcut']:.1f}, stay")
