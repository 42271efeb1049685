"""What stands between a cell and its readers: nothing, or a Border.

Adding one is writing a subclass of Border in a file of its own here and naming it below.
"""

from .border import Border, Sample
from .codec import Codec, Half, Int8
from .placing import each, held_back, refuse_crossing
from .quantize import VectorQuantizer
from .replay import ReplayBuffer
from .slots import Slots

__all__ = ["Border", "Codec", "Half", "Int8", "ReplayBuffer", "Sample", "Slots", "VectorQuantizer", "each", "held_back",
           "refuse_crossing"]
