"""Image sets as uint8 tensors in memory: CIFAR-10, CIFAR-100, SVHN and STL-10."""

from .augmentation import augment
from .errors import DataError
from .images import Images, Source
from .sets import SETS
from .sources import load, on_disk, standin_in_use

__all__ = ["SETS", "DataError", "Images", "Source", "augment", "load", "on_disk", "standin_in_use"]
