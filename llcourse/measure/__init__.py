"""Measuring what a method does: reach, alignment with backprop, times of modules, scores, bytes kept, what features
show."""

from ..memory import SavedBytes, saved_bytes
from .alignment import alignment
from .probe import probe
from .reach import MeasuredReach, reach
from .reconstruct import Reconstructions, reconstruct
from .score import score
from .times import module_times

__all__ = ["MeasuredReach", "Reconstructions", "SavedBytes", "alignment", "module_times", "probe", "reach",
           "reconstruct", "saved_bytes", "score"]
