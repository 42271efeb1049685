"""The border: what every kind of it does and promises."""

from collections import namedtuple

import torch
from torch import nn

Sample = namedtuple("Sample", "h image y context", defaults=({},))
# Features, and the image and labels that they belong to; context: {cell: what it was given} (see Wiring.context).


class Border(nn.Module):
    """Stands above one cell: readers get what it gives instead of the cell's output.

    A plain border changes the features of the batch at hand: override `forward`, which training and evaluation call.
    A border that `holds` gives its reader what it has kept of other batches: it also overrides `put` and `take`, which
    training calls instead. In training no gradient passes a border. State lies in buffers, registered in `__init__`:
    None for one whose shape only the first batch tells; it is saved, resumed and taken back with the network.

    >>> class Coarse(Border):
    ...     def forward(self, h):
    ...         return (4 * h).round() / 4
    """

    holds = False

    def forward(self, h):
        """What the reader gets of features h, (batch, ...)."""
        return h

    def put(self, sample):
        """Training: the cell below has made a Sample; its tensors are the border's to copy, not to keep."""
        raise NotImplementedError(f"{type(self).__name__} holds batches and needs a put()")

    def take(self):
        """Training: a Sample for the reader, or None where there is none yet; the reader then misses its turn.

        Its image is None where the border keeps no images.
        """
        raise NotImplementedError(f"{type(self).__name__} holds batches and needs a take()")

    def empty(self):
        """A new Run begins: forget the batches that are held. What was learnt stays."""

    @property
    def sends(self):
        """The Codec whose messages go to a reader in another process; None where features do."""
        return None

    @property
    def at_hand(self):
        """The border that does to a batch at hand what this one does, and holds none; None if that is nothing."""
        return None if self.holds else self

    def message_bytes(self, shape, batch=1):
        """Bytes of what a reader gets of so many images, float32 features of `shape`, such as (16, 32, 32)."""
        return 4 * batch * torch.Size(shape).numel()

    def macs(self, shape):
        """MACs of one image's way through the border, features of `shape`."""
        return 0

    @property
    def shaped_by_batch(self):
        """Names of the buffers that were registered as None."""
        return self.__dict__.get("_shaped_by_batch", ())

    def register_buffer(self, name, tensor, persistent=True):
        if tensor is None and persistent:
            self._shaped_by_batch = (*self.shaped_by_batch, name)
        super().register_buffer(name, tensor, persistent)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in self.shaped_by_batch:  # a state of before the first batch, or of after it, replaces the other
            saved, here = state_dict.get(prefix + name), self._buffers[name]
            if saved is None or here is None or saved.shape != here.shape:
                self._buffers[name] = None if saved is None else saved.clone()
        super()._load_from_state_dict(state_dict, prefix, *args)
