"""Text as bytes in memory, and its windows."""

import random
from hashlib import sha256

import numpy as np
import torch

from ..arguments import flag, whole
from . import textfiles
from .augmentation import check_chance
from .errors import DataError
from .images import Source
from .score import BITS
from .sources import usable

SAMPLE = 32  # windows to measure on


class Text:
    """A text as bytes on one device, read in windows: x is `context` bytes, y the byte behind each of them.

    train_bytes, test_bytes: uint8 (n,), which no network sees otherwise; classes: the 256 values of a byte; shape:
    (context,), what a network sees of one example; score: bits per byte of the test windows, lower is better.
    Raises ValueError for what is not so, DataError for a text that is shorter than two windows, or one to test on.
    """

    score, standin, classes = BITS, False, range(256)

    def __init__(self, name, train_bytes, test_bytes, source, context=128):
        if not isinstance(source, Source):
            raise ValueError(f"source is {source!r}; it is a data.Source, which says where the text came from")
        self.name, self.source, self.context = name, source, whole("context", context, 1)
        for split, text, least in (("train", train_bytes, 2), ("test", test_bytes, 1)):
            if not isinstance(text, torch.Tensor) or text.dtype != torch.uint8 or text.dim() != 1:
                given = f"{text.dtype} {tuple(text.shape)}" if isinstance(text, torch.Tensor) else type(text).__name__
                raise ValueError(f"{split}_bytes is {given}; text is one row of bytes, uint8 (n,)")
            if len(text) <= least * self.context:
                what = "training" if split == "train" else "unseen"
                raise DataError(f"{name} has {len(text):,} {what} bytes; at a context of {self.context} "
                                f"{least * self.context + 1:,} are the least: give more text, or a shorter context")
        if train_bytes.device != test_bytes.device:
            raise ValueError(f"train_bytes are on {train_bytes.device}, test_bytes on {test_bytes.device}; they are on "
                             "one device")
        self.train_bytes, self.test_bytes, self.shape = train_bytes, test_bytes, (self.context,)
        self._places = torch.arange(self.context + 1, device=train_bytes.device)

    @property
    def device(self):
        return self.train_bytes.device

    @property
    def train_size(self):
        """How many examples an epoch has: as many windows as lie side by side in the training text."""
        return (len(self.train_bytes) - 1) // self.context

    def batches(self, batch, generator, augment=True):
        """One epoch of (x, y), each int64 (batch, context), at places that `generator` draws.

        `generator` is a torch.Generator on the text's device and the only source of chance. The last batch may be
        ragged, and one window alone is left out, as of images. augment: nothing here, for windows begin anywhere
        already. Nothing waits for the device. Raises ValueError for a batch of fewer than two windows.
        """
        batch, _ = whole("batch", batch, least=2), flag("augment", augment)
        check_chance(generator, self.device)
        starts = torch.randint(len(self.train_bytes) - self.context, (self.train_size,), generator=generator,
                               device=self.device)
        for some in starts.split(batch):
            if len(some) > 1:
                yield self._windows(self.train_bytes, some)

    def test_batches(self, batch=None):
        """The test windows, side by side from the first byte on, in order, as (x, y) like `batches` gives them.

        batch: default as many as make about 10,000 bytes (on a GPU 100,000). What is left behind the last window, less
        than one, is not read.
        """
        many = 10_000 if self.device.type == "cpu" else 100_000
        batch = max(1, many // self.context) if batch is None else whole("batch", batch, least=1)
        for some in self._side_by_side(self.test_bytes).split(batch):
            yield self._windows(self.test_bytes, some)

    def sample(self):
        """The first training windows, 32 at most, as (x, y): to measure on."""
        return self._windows(self.train_bytes, self._side_by_side(self.train_bytes)[:SAMPLE])

    def preparation(self):
        """What is recorded of how the text was prepared."""
        return {"text": {"context": self.context, "train": len(self.train_bytes), "test": len(self.test_bytes)}}

    def digest(self):
        """A short name for the contents: other bytes, or windows of another length, have another."""
        read = sha256(f"{self.context} {len(self.train_bytes)}".encode())
        for text in (self.train_bytes, self.test_bytes):
            read.update(text.cpu().numpy().tobytes())
        return read.hexdigest()[:12]

    def _side_by_side(self, text):
        return torch.arange(0, len(text) - self.context, self.context, device=self.device)

    def _windows(self, text, starts):
        window = text[starts[:, None] + self._places].long()
        return window[:, :-1].contiguous(), window[:, 1:].contiguous()

    def __repr__(self):
        return (f"Text({self.name}: {len(self.train_bytes):,} bytes to train on, {len(self.test_bytes):,} unseen, "
                f"windows of {self.context}, {self.device}, {self.source.kind})")


def text(source=None, *, train=None, test=None, context=128, seed=0, device="cpu"):
    """A text as a Text on `device`, read as bytes: plain text in any language, UTF-8.

    source: the path of a file or of a folder. None takes `text` or `text.txt` in the data folder ($LLCOURSE_DATA, else
    data/ in the checkout) if it is there, and else the source code of Python's own standard library, without its tests
    and what programs wrote.

    About a tenth is unseen, always the same tenth: whole files, chosen by their names, and copies of a file count once;
    of a single file its last lines, and so of each where files are few and large. Files follow each other in an order
    that `seed`, a whole number from 0 on, draws, and windows may reach from one into the next. train, test: limits in
    bytes (None: all), the first ones in that order, so that a smaller text lies inside a larger one. context: bytes of
    a window.

    Raises DataError for a file that is missing, unreadable, empty, or no text, for a text that is too short, and for
    more bytes than there are; ValueError for a size, seed, path or device that cannot be.

    >>> library = text(train=100_000, test=20_000)
    >>> library.train_size, library.shape, library.score.name
    (781, (128,), 'bits per byte')
    """
    limits = {split: limit if limit is None else whole(split, limit, least=1)
              for split, limit in (("train", train), ("test", test))}
    context, seed, device = whole("context", context, 1), whole("seed", seed), usable(device)
    found = textfiles.find(source)
    splits = [_joined(found, files, limits[split], seed, split).to(device)
              for split, files in (("train", found.train), ("test", found.unseen))]
    sizes = tuple(sum(map(len, files.values())) for files in (found.train, found.unseen))
    return Text(found.name, *splits, Source(found.kind, found.where, found.sha256, sizes), context)


def _joined(found, files, limit, seed, split):
    names = list(files)
    random.Random(f"{split} {seed}").shuffle(names)  # a text seeds alike on every machine
    whole_text = b"".join(files[name] for name in names)
    if limit is not None and limit > len(whole_text):
        what = {"train": "to train on", "test": "unseen"}[split]
        raise DataError(f"{split} is {limit:,} bytes; {found.name} has {len(whole_text):,} {what}: ask for 1 to that "
                        "many")
    return torch.from_numpy(np.frombuffer(bytearray(whole_text[:limit]), np.uint8))
