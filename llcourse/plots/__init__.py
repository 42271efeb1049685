"""Figures of the course. Every function returns the matplotlib Figure and shows nothing by itself."""

from .matrices import chains, gradients, matrix, methods, reach
from .results import bars, by_module, curves, stacked, tradeoff
from .style import module_colours
from .timeline import timeline

__all__ = ["bars", "by_module", "chains", "curves", "gradients", "matrix", "methods", "module_colours", "reach",
           "stacked", "timeline", "tradeoff"]
