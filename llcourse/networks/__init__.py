"""Networks as explicit chains of named blocks, which can be cut into modules."""

from .gpt import GPT, gpt
from .grid import grid
from .ledger import ledger
from .network import INITIALISATIONS, Network
from .resnet import ResidualBlock, resnet
from .sketch import Joined, sketch
from .vgg import cnn6, vgg6a

__all__ = ["GPT", "INITIALISATIONS", "Joined", "Network", "ResidualBlock", "cnn6", "gpt", "grid", "ledger", "resnet",
           "sketch", "vgg6a"]
