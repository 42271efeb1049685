"""Sequences: the transformer's block, heads that read every position, and writing text byte by byte."""

from .generation import generate, remember
from .heads import HEADS, Place, Projection, Readout, make
from .transformer import Attention, BackToStream, Block, Embedding, Past

__all__ = ["HEADS", "Attention", "BackToStream", "Block", "Embedding", "Past", "Place", "Projection", "Readout",
           "generate", "make", "remember"]
