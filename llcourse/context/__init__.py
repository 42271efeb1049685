"""Context supply: what a border gives the module above it beside the features of the module below."""

from .encoders import ENCODERS, encoder, shortcut, small_encoder
from .supply import Mode, Supplied, named, parts, supplied, supplies

__all__ = ["ENCODERS", "Mode", "Supplied", "encoder", "named", "parts", "shortcut", "small_encoder", "supplied",
           "supplies"]
