"""Codecs: features as smaller messages. Nothing flows back through a border, so what is lost needs no gradient."""

import torch

from .border import Border


class Codec(Border):
    """A border that a message crosses: `encode` makes tensors of a batch's features, `decode` features of them.

    A codec stands above a module by itself, or in a replay buffer, which then keeps messages instead of features.
    fields: a name for each tensor of a message. This one changes nothing: its message is the features.
    """

    fields = ("features",)

    @property
    def sends(self):
        return self

    def encode(self, h):
        """Features (batch, C, ...) as a message, a tuple of tensors. In train mode a codec that learns does so here."""
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
    come back as NaN.
    """

    fields = ("bytes", "zero", "scale")

    def encode(self, h):
        h = h.float()
        channels = [1, -1] + [1] * (h.dim() - 2)
        others = [d for d in range(h.dim()) if d != 1]
        low, high = h.amin(others), h.amax(others)
        scale = (high - low) / 255
        steps = (h - low.view(channels)) / scale.view(channels)  # 0 / 0 where a channel does not vary
        return steps.round_().nan_to_num_(0).to(torch.uint8), low, scale

    def decode(self, message, dtype=torch.float32):
        steps, low, scale = message
        channels = [1, -1] + [1] * (steps.dim() - 2)
        return torch.addcmul(low.view(channels), steps.float(), scale.view(channels)).to(dtype)

    def message_bytes(self, shape, batch=1):
        return batch * torch.Size(shape).numel() + 8 * shape[0]
