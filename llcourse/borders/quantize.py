"""Online vector quantisation: a codebook that learns from the features that pass."""

from contextlib import nullcontext

import torch

from ..arguments import number, whole
from .codec import Codec, channel
from .packing import nbytes, pack, unpack

SCORES = 2**20  # of pixels with codes, computed at a time: what stays in a processor's cache
EPSILON = 1e-5


class VectorQuantizer(Codec):
    """Product quantisation with a codebook that follows the features (Caccia et al. 2020; Belilovsky et al. 2021).

    The C channels are split into C / D groups of D; each group has Kc codes of D values, and of every pixel the number
    of the nearest code is sent. A message is these numbers, packed to ceil(log2 Kc) bits each, and the codebook
    they were written with, so that a buffer reads back what was meant however far the codebook has moved on.

    Kc: codes a group, 2 to 65,536.   D: channels a group; has to divide C.   decay: of the moving averages of counts
    and sums; 0 makes each update one step of k-means.   every: batches from one update to the next.   revive: a code
    used less than this share of the average is drawn anew from the batch at hand; 0 for never.

    In train mode the first batch draws the codebook from its pixels; every batch is encoded with the codebook as it is,
    which then moves. No gradient is involved: nothing flows back through a border. Draws come from torch's generator.
    Evaluation changes nothing: before there is a codebook, pixels of a batch at even distances are its codes.

    >>> quantizer = VectorQuantizer(Kc=256, D=8)
    >>> quantizer.message_bytes((16, 32, 32)), quantizer.compression((16, 32, 32))
    (18432, 32.0)
    """

    fields = ("codes", "codebook")

    def __init__(self, Kc=256, D=8, decay=0.99, every=1, revive=0.01):
        super().__init__()
        self.Kc, self.D, self.every = whole("Kc", Kc, 2, 2**16), whole("D", D, 1), whole("every", every, 1)
        self.decay, self.revive = number("decay", decay, below=1), number("revive", revive, below=1)
        self.width = (self.Kc - 1).bit_length()
        for name in ("codebook", "counts", "sums"):  # (groups, Kc, D), (groups, Kc), (groups, Kc, D)
            self.register_buffer(name, None)
        self._seen, self._map = 0, ()  # batches so far; height and width of the features, or their length

    def encode(self, h):
        pixels = self._pixels(h)
        if self.codebook is None and self.training:
            self._begin(pixels)
        codebook = self._spread(pixels) if self.codebook is None else self.codebook
        self._map = tuple(h.movedim(channel(h.dim()), -1).shape[1:-1])
        if not self.training:
            return self._message(nearest(pixels, codebook), len(h)), codebook
        codebook = codebook.clone()
        indices = nearest(pixels, codebook)
        if self._seen % self.every == 0:
            self._learn(pixels, indices)
        self._seen += 1
        return self._message(indices, len(h)), codebook

    def decode(self, message, dtype=torch.float32):
        codes, codebook = message
        groups, _, D = codebook.shape
        n, map_ = len(codes), self._map
        places = torch.Size(map_).numel() * groups
        if codes.shape[1] != nbytes(places, self.width):
            raise ValueError(
                f"a message of {codes.shape[1]} bytes an image is not of features {' x '.join(map(str, map_))}, which "
                f"take {nbytes(places, self.width)}: what is kept for one codec has one height and width")
        indices = unpack(codes, self.width, places)
        pixels = lookup(indices.view(-1, groups), codebook.to(dtype))
        return pixels.view(n, *map_, groups * D).movedim(-1, channel(2 + len(map_)))

    def encoded_elsewhere(self, shape=None):
        if shape is not None:
            self._map = tuple(shape[2:])
            return
        learns = self.revive > 0 and self._seen % self.every == 0
        for _ in range((self.codebook is None) + learns):
            torch.randint(2, (self.Kc,))
        if self.codebook is None:
            self.codebook = torch.empty(0)  # drawn, there
        self._seen += 1

    def message_bytes(self, shape, batch=1):
        return batch * self._packed(shape) + 4 * shape[channel(1 + len(shape)) - 1] * self.Kc

    def compression(self, shape):
        """How many times fewer bytes than float32 an image's codes are, the codebook left out."""
        return 4 * torch.Size(shape).numel() / self._packed(shape)

    def macs(self, shape):
        return torch.Size(shape).numel() * self.Kc

    def dead(self):
        """The share of codes that are used less than a hundredth as often as the average: 0 to 1."""
        return (self.counts < 0.01 * self.counts.mean(1, keepdim=True)).float().mean().item()

    def get_extra_state(self):
        return torch.tensor([self._seen, *(self._map if self._seen else ())])  # evaluation leaves no trace

    def set_extra_state(self, state):
        self._seen, *map_ = state.tolist()
        self._map = tuple(map_)

    def extra_repr(self):
        return f"Kc={self.Kc}, D={self.D}, decay={self.decay}, every={self.every}, revive={self.revive}"

    def _pixels(self, h):
        """Features as float32 (pixels, groups, D)."""
        h = h.detach().movedim(channel(h.dim()), -1)
        if h.shape[-1] % self.D:
            raise ValueError(f"features of {h.shape[-1]} channels do not divide into groups of D = {self.D}")
        return h.reshape(-1, h.shape[-1] // self.D, self.D).float()

    def _packed(self, shape):
        return nbytes(torch.Size(shape).numel() // self.D, self.width)

    def _message(self, indices, n):
        return pack(indices.view(n, -1), self.width)

    def _begin(self, pixels):
        self.codebook = self._drawn(pixels)
        self.counts = torch.ones(self.codebook.shape[:2], device=pixels.device)
        self.sums = self.codebook.clone()

    def _drawn(self, pixels):
        """A code from a pixel of the batch for each place: (groups, Kc, D)."""
        chosen = torch.randint(len(pixels), (self.Kc,), device=pixels.device)
        return pixels[chosen].transpose(0, 1).contiguous()

    def _spread(self, pixels):
        """Codes without a draw, to be forgotten: (groups, Kc, D)."""
        chosen = torch.arange(self.Kc, device=pixels.device) * (len(pixels) - 1) // (self.Kc - 1)
        return pixels[chosen].transpose(0, 1).contiguous()

    def _learn(self, pixels, indices):
        """Moving averages of how many pixels each code got and of their sum; their ratio is the code."""
        used, sums = tally(pixels, indices, self.Kc)
        self.counts.lerp_(used, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        total = self.counts.sum(1, keepdim=True)
        smoothed = (self.counts + EPSILON) / (total + self.Kc * EPSILON) * total
        moved = (used > 0).unsqueeze(-1)  # the ratio of the others stays as it is
        self.codebook.copy_(torch.where(moved, self.sums / smoothed.unsqueeze(-1), self.codebook))
        if self.revive:
            average = total / self.Kc
            dead = self.counts < self.revive * average
            self.counts.copy_(torch.where(dead, average, self.counts))
            self.codebook.copy_(torch.where(dead.unsqueeze(-1), self._drawn(pixels), self.codebook))
            self.sums.copy_(torch.where(dead.unsqueeze(-1), self.codebook * average.unsqueeze(-1), self.sums))


def nearest(pixels, codebook):
    """The number of the nearest code, in Euclidean distance: (pixels, groups, D), (groups, Kc, D) -> (pixels, groups).

    |x - c|^2 is least where x.c - |c|^2 / 2 is greatest: one matrix product, in blocks, and in float32 under autocast
    too: in bfloat16 many codes would be equally near.
    """
    bias = -codebook.square().sum(-1).unsqueeze(1) / 2
    across, rows = codebook.transpose(1, 2), max(1, SCORES // (codebook.shape[0] * codebook.shape[1]))
    indices = torch.empty(pixels.shape[:2], dtype=torch.long, device=pixels.device)
    device = pixels.device.type
    with torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext():
        for block, out in zip(pixels.split(rows), indices.split(rows)):
            out.copy_(_argmax(torch.baddbmm(bias, block.transpose(0, 1), across)).T)
    return indices


def _argmax(scores):
    if scores.device.type == "cpu":  # NumPy's runs on vectors of values, PyTorch's on one at a time: 3 x faster
        return torch.from_numpy(scores.numpy().argmax(-1))
    return scores.argmax(-1)


def lookup(indices, codebook):
    """The codes of these numbers: (pixels, groups), (groups, Kc, D) -> (pixels, groups, D)."""
    groups, Kc, D = codebook.shape
    first = Kc * torch.arange(groups, device=indices.device)
    return codebook.view(-1, D).index_select(0, (indices + first).flatten()).view(*indices.shape, D)


def tally(pixels, indices, Kc):
    """Of every code how many pixels it got, and their sum: (groups, Kc), (groups, Kc, D)."""
    groups, D = pixels.shape[1:]
    flat = (indices + Kc * torch.arange(groups, device=indices.device)).flatten()
    used, sums = pixels.new_zeros(groups * Kc), pixels.new_zeros(groups * Kc, D)
    used.index_add_(0, flat, pixels.new_ones(len(flat)))
    sums.index_add_(0, flat, pixels.reshape(-1, D))
    return used.view(groups, Kc), sums.view(groups, Kc, D)
