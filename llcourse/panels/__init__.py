"""Widgets of the chapters: controls above, a picture and a line of text below."""

from .cuts import cuts
from .panel import Panel
from .reach import reach

__all__ = ["Panel", "cuts", "reach"]
