"""Measuring what a method does: reach, alignment with backprop, times of modules, scores, bytes kept."""

from ..memory import SavedBytes, saved_bytes
from .alignment import alignment
from .reach import MeasuredReach, reach
from .score import score
from .times import module_times

__all__ = ["MeasuredReach", "SavedBytes", "alignment", "module_times", "reach", "saved_bytes", "score"]
