"""The course's simulator of time: workers, one a cell, and when each of them is busy."""

from .asynchronous import asynchronous
from .pipelines import PIPELINES, Pipeline
from .sequential import sequential
from .simulator import batch_time, bubble, simulate
from .tasks import Task, held, lags, utilisation
from .times import Times

__all__ = ["PIPELINES", "Pipeline", "Task", "Times", "asynchronous", "batch_time", "bubble", "held", "lags",
           "sequential", "simulate", "utilisation"]
