"""Image sets, CIFAR-10, CIFAR-100, SVHN and STL-10, and text, as uint8 tensors in memory."""

from .augmentation import augment
from .errors import DataError
from .images import Images, Source
from .score import ACCURACY, BITS, Score
from .sets import SETS
from .sources import load, on_disk, standin_in_use
from .text import Text, text

__all__ = ["ACCURACY", "BITS", "SETS", "DataError", "Images", "Score", "Source", "Text", "augment", "load", "on_disk",
           "standin_in_use", "text"]
