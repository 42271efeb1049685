"""Codecs: features as smaller messages. Nothing flows back through a border, so what is lost needs no gradient."""

import torch

from .border import Border


class Codec(Border):
    """A border that a message crosses: `encode` makes tensors of a batch's features, `decode` features of them.

    A codec stands above a module by itself, or in a replay buffer, which then keeps messages instead of features.
    Features are (batch, C, ...), or of sequences (batch, T, C).
    fields: a name for each tensor of a message. This one changes nothing: its message is the features.
    """

    fields = ("features",)

    @property
    def sends(self):
        return self

    def encode(self, h):
        """Features as a message, a tuple of tensors. In train mode a codec that learns does so here."""
        return (h,)

    def decode(self, message, dtype=torch.float32):
        """Features of a message, as it was encoded, whatever the codec has learnt since."""
        return message[0]

    def forward(self, h):
        return self.decode(self.encode(h), h.dtype)

    def encoded_elsewhere(self, shape=None):
        """Another process encodes a batch. shape: of its features, where their message comes here to be decoded; None
        where it does not come by. A codec that draws random numbers draws those of that batch here too, so that what
        K processes draw is what one would."""


def channel(dims):
    """Which dimension of features with so many holds the channels: the second, of sequences (batch, T, C) the last."""
    return 2 if dims == 3 else 1


class Half(Codec):
    """float16: half of float32's bytes. Values beyond its range, 65,504, are clipped to it."""

    fields = ("half",)

    def encode(self, h):
        largest = torch.finfo(torch.float16).max
        return (h.clamp(-largest, largest).half(),)

    def decode(self, message, dtype=torch.float32):
        return message[0].to(dtype)

    def message_bytes(self, shape, batch=1):
        return 2 * batch * torch.Size(shape).numel()


class Int8(Codec):
    """One byte a value, with a scale and a zero point for each channel of a batch: a quarter of float32's bytes.

    255 even steps lead from a channel's least value to its greatest. Of a channel with a value that is not finite all
    come back as NaN. Sequences, (batch, T, C), have a scale and a zero point for each position instead: those of a
    channel would tell a position what later ones hold.
    """

    fields = ("bytes", "zero", "scale")

    def encode(self, h):
        h = h.float()
        together = [2] if h.dim() == 3 else [d for d in range(h.dim()) if d != 1]
        low, high = h.amin(together, keepdim=True), h.amax(together, keepdim=True)
        scale = (high - low) / 255
        steps = (h - low) / scale  # 0 / 0 where nothing varies
        return steps.round_().nan_to_num_(0).to(torch.uint8), low, scale

    def decode(self, message, dtype=torch.float32):
        steps, low, scale = message
        return torch.addcmul(low, steps.float(), scale).to(dtype)

    def message_bytes(self, shape, batch=1):
        scales = batch * shape[0] if len(shape) == 2 else shape[0]
        return batch * torch.Size(shape).numel() + 8 * scales
