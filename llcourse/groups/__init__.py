"""Neuron groups: a network as K modules in depth times G groups in width, each cell with a loss of its own."""

from .exchange import Exchange
from .kernels import KERNELS, GroupedConv2d, GroupedLinear, fastest
from .losses import PRESETS, GroupLosses, Preset, diversity
from .ownership import Grouped, owned
from .predictions import ensembles, score
from .shared import SharedConv2d
from .stacked import group_heads, stack

__all__ = ["KERNELS", "PRESETS", "Exchange", "GroupLosses", "Grouped", "GroupedConv2d", "GroupedLinear",
           "Preset", "SharedConv2d", "diversity", "ensembles", "fastest", "group_heads", "owned", "score", "stack"]
