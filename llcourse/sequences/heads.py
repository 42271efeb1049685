"""Heads of sequences, (batch, T, width) -> logits (batch, T, vocabulary): in a language model a head can cost more than
what it trains.

Adding one is writing a function of a Place and naming it in HEADS. The shared read-only readout is that of Yin et al.
(2026), where private ones and random ones are compared with it.
"""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..arguments import whole

Place = namedtuple("Place", "width outputs embedding classifier block")
# width: of the features.   outputs: numbers that are wanted a position.   embedding, classifier: the network's own,
# an nn.Embedding and a Projection.   block: a function that makes a block like the network's.


class Projection(nn.Module):
    """The norm of the stream and a linear layer: (batch, T, width) -> (batch, T, outputs)."""

    def __init__(self, width, outputs):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, outputs, bias=False)

    def forward(self, h):
        return self.linear(self.norm(h))


class Tied(nn.Module):
    """A norm of its own, and the embedding's vectors as they are now, read as constants: no gradient goes to them.

    A projection that shared the parameter itself would train module 1 with every loss.   reads: the parameters.
    """

    def __init__(self, width, embedding):
        super().__init__()
        self.norm, self._read = nn.LayerNorm(width), (embedding,)  # in a tuple: a module there would be a part of this

    @property
    def reads(self):
        return (self._read[0].weight,)

    def forward(self, h):
        return F.linear(self.norm(h), self.reads[0].detach())


COPIES = "scale", "shift", "weight"  # of the parameters that a Copied reads


class Copied(nn.Module):
    """A copy of the network's classifier, renewed every so many training steps of this head's: read, never trained.

    The copy and the count of steps are buffers, changed in place.   reads: the parameters that it copies.
    """

    def __init__(self, classifier, every):
        super().__init__()
        self.every, self._read = every, (classifier,)
        for name, p in zip(COPIES, self.reads):
            self.register_buffer(name, p.detach().clone())
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @property
    def reads(self):
        norm, linear = self._read[0].norm, self._read[0].linear
        return norm.weight, norm.bias, linear.weight

    def forward(self, h):
        if self.training:
            self._renew()
        norm = self._read[0].norm
        return F.linear(F.layer_norm(h, norm.normalized_shape, self.scale, self.shift, norm.eps), self.weight)

    @torch.no_grad()
    def _renew(self):
        due = self.steps % self.every == 0  # stays on the device: the host does not wait for it
        for name, p in zip(COPIES, self.reads):
            copy = getattr(self, name)
            copy.copy_(p if self.every == 1 else torch.where(due, p, copy))
        self.steps += 1

    def extra_repr(self):
        return f"every={self.every}"


@dataclass(frozen=True)
class Readout:
    """The shared read-only readout: every module but the last is read with a copy of the last head, which the last
    loss alone trains.   every: training steps from one copy to the next."""

    every: int = 1

    def __post_init__(self):
        object.__setattr__(self, "every", whole("every", self.every, 1))

    def __call__(self, place):
        _of_classes("readout", place, place.classifier.linear.out_features)
        return Copied(place.classifier, self.every)


def projection(place):
    """A private norm and vocabulary projection."""
    return Projection(place.width, place.outputs)


def block(place):
    """One more transformer block, then a projection."""
    return nn.Sequential(place.block(), Projection(place.width, place.outputs))


def tied(place):
    """A private norm, and the embedding read as a constant."""
    _of_classes("tied", place, place.embedding.num_embeddings)
    return Tied(place.width, place.embedding)


def _of_classes(kind, place, classes):
    if place.outputs != classes:
        raise ValueError(f"the head {kind!r} has {classes} outputs a position, one a class; wanted are {place.outputs}")


HEADS: dict[str, Callable] = {"projection": projection, "block": block, "tied": tied, "readout": Readout()}


def make(kind, place):
    """The head `kind`, a name in HEADS or Readout(every=...), for a Place. Raises ValueError for any other kind."""
    if not isinstance(kind, Readout) and not (isinstance(kind, str) and kind in HEADS):
        raise ValueError(f"no head of sequences is called {kind!r}; there are {', '.join(HEADS)}")
    return (HEADS[kind] if isinstance(kind, str) else kind)(place)
