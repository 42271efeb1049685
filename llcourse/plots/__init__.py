"""Figures of the course. Every function returns the matplotlib Figure and shows nothing by itself.

Those called draw_... draw on an Axes that they are given; the figures, and the panels, are made of them.
"""

from .bills import draw_bill
from .chains import chains, draw_chain
from .fronts import draw_front, fronts
from .gradients import gradients
from .matrices import draw_matrix, matrix, methods, reach, reaches
from .patches import patches
from .results import bars, by_module, curves, draw_bars, draw_lines, draw_stacked, lines, shares, stacked, tradeoff
from .style import legend, module_colours, named
from .timeline import draw_timeline, timeline
from .workers import draw_workers

__all__ = ["bars", "by_module", "chains", "curves", "draw_bars", "draw_bill", "draw_chain", "draw_front", "draw_lines",
           "draw_matrix", "draw_stacked", "draw_timeline", "draw_workers", "fronts", "gradients", "legend", "lines",
           "matrix", "methods", "module_colours", "named", "patches", "reach", "reaches", "shares", "stacked",
           "timeline", "tradeoff"]
