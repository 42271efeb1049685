"""Objectives: what a module's local loss is made of.

An objective is called with the logits of its head and a Record, and returns a scalar. Parameters of its own are trained
with its head. Adding one is writing a function Place -> nn.Module and naming it in OBJECTIVES.
"""

from .contrast import Contrast
from .cross_entropy import CrossEntropy
from .infopro import PRESETS, InfoPro, Weighted, interpolated
from .reconstruction import DECODERS, MEAN, STD, Reconstruction
from .record import Place, Record
from .registry import OBJECTIVES, each, make, predicting

__all__ = ["DECODERS", "MEAN", "OBJECTIVES", "PRESETS", "STD", "Contrast", "CrossEntropy", "InfoPro", "Place",
           "Reconstruction", "Record", "Weighted", "each", "interpolated", "make", "predicting"]
