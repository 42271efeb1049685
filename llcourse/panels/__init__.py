"""Widgets of the chapters: controls above, a picture and a line of text below."""

from .context import context
from .cuts import cuts
from .groups import groups
from .heads import heads
from .messages import messages
from .panel import Panel
from .pipeline import pipeline
from .queues import queues
from .reach import reach
from .readouts import readouts
from .ticks import ticks
from .timeline import timeline

__all__ = ["Panel", "context", "cuts", "groups", "heads", "messages", "pipeline", "queues", "reach", "readouts",
           "ticks", "timeline"]
