"""What an objective sees at every batch, and where it stands."""

from collections import namedtuple

Record = namedtuple("Record", "h image y peers")
# h: features that the head reads, (batch, C, H, W), with gradient where the loss trains what made them.
# image: what the network was given, (batch, 3, H, W).
# y: labels.   peers: {loss: logits, detached} of the losses beside this one (LocalNetwork.peers), as far as computed.

Place = namedtuple("Place", "features image classes k K", defaults=(1, 2))
# features, image: shapes, (C, H, W) each.   k: which of the K - 1 borders between modules, from 1 on.
