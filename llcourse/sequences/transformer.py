"""A transformer's block, pre-norm, on sequences (batch, T, width), which can go on from what it has seen before."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn


class Past:
    """What an attention layer has seen of a sequence: keys and values, (batch, heads, T, width / heads), written into
    room for `context` positions.   length: how many it has seen."""

    def __init__(self, context):
        self.context, self.length, self.room = context, 0, None

    def extended(self, *new):
        """Tensors (batch, heads, T, n) of the next T positions, each behind those that came before."""
        begun, T = self.length, new[0].shape[2]
        self.length += T
        if self.room is None:
            self.room = [t.new_empty(*t.shape[:2], self.context, t.shape[3]) for t in new]
        for room, t in zip(self.room, new):
            room.narrow(2, begun, T).copy_(t)
        return [room.narrow(2, 0, self.length) for room in self.room]


class BackToStream(nn.Linear):
    """A linear layer whose output is added to the stream. It starts smaller, by 1 / sqrt(2 layers), since so many are
    added up (GPT-2: Radford et al. 2019, section 2.3)."""

    def __init__(self, cin, cout, layers):
        super().__init__(cin, cout, bias=False)
        self.starts = (2 * layers) ** -0.5


class Attention(nn.Module):
    """Causal self-attention (Vaswani et al. 2017, section 3.2) in one fused call: (batch, T, width), same shape out.

    context: the longest T.   rotary: positions by turning queries and keys (Su et al. 2021, section 3.2).   past: a
    Past to go on from, or None, as in training.
    """

    def __init__(self, width, heads, layers, context, rotary):
        super().__init__()
        self.heads, self.context, self.rotary, self.past = heads, context, rotary, None
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = BackToStream(width, width, layers)

    def forward(self, x):
        T, begun = x.shape[1], 0 if self.past is None else self.past.length
        heads = self.qkv(x).view(x.shape[0], T, 3 * self.heads, -1)
        qk, v = heads.split_with_sizes([2 * self.heads, self.heads], dim=2)
        if self.rotary:
            qk = turned(qk, *rotations(self.context, qk.shape[-1], x.device, qk.dtype).narrow(1, begun, T).unbind())
        q, k = qk.transpose(1, 2).chunk(2, dim=1)
        v = v.transpose(1, 2)  # what comes out is then laid out as x is
        if self.past is not None:
            k, v = self.past.extended(k, v)
        seen = None  # by each of several positions behind a past; alone a position sees all
        if begun and T > 1:
            seen = torch.ones(T, begun + T, dtype=torch.bool, device=x.device).tril(begun)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=begun == 0)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def extra_repr(self):
        return f"heads={self.heads}, rotary={self.rotary}"


def turned(x, cos, sin):
    """(batch, T, heads, n), queries or keys: the pairs (i, i + n / 2) turned by their angles."""
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * sin


@cache
def rotations(context, n, device, dtype):
    """(2, context, 1, n) of position times 10,000 ** (-2 i / n), i and i + n / 2 alike: the cosine, and the sine,
    whose first half is negative."""
    with torch.inference_mode(False), torch.no_grad():
        like = {"device": device, "dtype": torch.float64 if dtype == torch.float64 else torch.float32}
        speeds = 10_000.0 ** (-2 * torch.arange(n // 2, **like) / n)
        angles = torch.outer(torch.arange(context, **like), speeds)
        cos, sin = angles.cos(), angles.sin()
        return torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)])[:, :, None].to(dtype)


class GELU(nn.GELU):
    """nn.GELU. A single position on a CPU goes transposed past oneDNN, whose set-up would take a seventh of the time
    that writing a byte takes."""

    def forward(self, x):
        if x.shape[1] > 1 or x.device.type != "cpu":
            return super().forward(x)
        return super().forward(x.view(2, -1).t()).t().view(x.shape)


class Block(nn.Module):
    """Attention and a perceptron of 4 x width with GELU, each on its own norm of the stream and added to it."""

    def __init__(self, width, heads, layers, context, rotary):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(width), Attention(width, heads, layers, context, rotary)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width, bias=False), GELU(),
                                 BackToStream(4 * width, width, layers))

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class Embedding(nn.Module):
    """Bytes, or other whole numbers below `vocabulary`, as vectors: int64 (batch, T) -> (batch, T, width).

    context: the longest T.   learned: a vector for each position is added; else attention knows positions.   past: as
    of Attention. Raises ValueError for what is no such tensor.
    """

    def __init__(self, vocabulary, width, context, learned):
        super().__init__()
        self.context, self.past = context, None
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width) if learned else None

    def refuse_data(self, text):
        """ValueError for data of another kind, of longer or shorter windows, whose last positions would not be learnt,
        or with more different values."""
        if tuple(text.shape) != (self.context,) or len(text.classes) > self.tokens.num_embeddings:
            raise ValueError(f"this GPT reads windows of {self.context} out of {self.tokens.num_embeddings} values; "
                             f"examples of this set are {tuple(text.shape)} out of {len(text.classes)}: give "
                             "networks.gpt and data.text the same context, and for bytes vocabulary=256")

    def forward(self, x):
        begun = 0 if self.past is None else self.past.length
        if x.dim() != 2 or x.dtype not in (torch.int32, torch.int64) or begun + x.shape[1] > self.context:
            raise ValueError(f"text is whole numbers, int64 (batch, T) with T up to {self.context - begun}; got "
                             f"{x.dtype} of shape {tuple(x.shape)}")
        if self.past is not None:
            self.past.length += x.shape[1]
        h = self.tokens(x)
        if self.positions is None:
            return h
        return h + self.positions(torch.arange(begun, begun + x.shape[1], device=x.device))
