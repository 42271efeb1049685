"""Sequences: the transformer's block, and heads that read every position."""

from .heads import HEADS, Place, Projection, Readout, make
from .transformer import Attention, BackToStream, Block, Embedding, Past

__all__ = ["HEADS", "Attention", "BackToStream", "Block", "Embedding", "Past", "Place", "Projection", "Readout", "make"]
