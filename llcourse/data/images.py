"""An image set in memory, and its batches."""

import math
from dataclasses import dataclass
from hashlib import sha256

import torch

from ..arguments import flag, number, one_of, several, whole
from . import augmentation, contents
from .score import ACCURACY

SAMPLE = 256  # images to measure on


@dataclass(frozen=True)
class Source:
    """Where images or a text came from."""

    kind: str  # "official", "imagefolder" or "standin"; of a text "library", "folder" or "file"
    where: str  # the archive, the folder, the file, or why there is only a stand-in
    sha256: str  # of all decoded arrays: train_x, train_y, test_x, test_y; of all files of a text
    sizes: tuple = ()  # of a text: bytes to train on, bytes unseen, before any limit


class Images:
    """An image set as tensors on one device.

    train_x, test_x: uint8 (N, H, W, 3), which a permute turns into channels_last at no cost; train_y, test_y:
    int64 (N,); classes: the names behind the labels; shape: (3, H, W), what a network sees of one image;
    mean, std: the constants, per channel, that `normalize` uses; padding: what crops are padded with, in
    augmentation.PADDINGS; flip: whether augmentation mirrors half of them; score: test accuracy in percent.
    Raises ValueError for what is not so, with what was given: a wrong dtype or shape, labels that are no class's.
    """

    score = ACCURACY

    def __init__(self, name, train_x, train_y, test_x, test_y, classes, source, mean, std,
                 padding="reflect", flip=True):
        if not isinstance(source, Source):
            raise ValueError(f"source is {source!r}; it is a data.Source, which says where images came from")
        self.name, self.source = name, source
        self.classes = several("classes", list(classes) if isinstance(classes, str) else classes)
        self.train_x, self.train_y, self.test_x, self.test_y = train_x, train_y, test_x, test_y
        self.mean = tuple(number("mean", value, least=-math.inf) for value in several("mean", mean))
        self.std = tuple(number("std", value, above=0) for value in several("std", std))
        self.padding, self.flip = one_of("padding", padding, augmentation.PADDINGS), flag("flip", flip)
        if not len(self.mean) == len(self.std) == 3:
            raise ValueError(f"mean is {mean} and std is {std}; each is three numbers, one a channel")
        for name in ("train_x", "train_y", "test_x", "test_y"):
            tensor = getattr(self, name)
            given = isinstance(tensor, torch.Tensor)
            if not given or tensor.device != train_x.device or tensor.layout != torch.strided:
                what = f", {tensor.layout} on {tensor.device}" if given else ""
                raise ValueError(f"{name} is a {type(tensor).__name__}{what}; all four are dense tensors on one device")
        contents.check("train", train_x, train_y, len(self.classes))
        contents.check("test", test_x, test_y, len(self.classes), tuple(train_x.shape[1:3]))
        height, width, channels = train_x.shape[1:]
        self.shape = (channels, height, width)
        # One fused multiply-add over rows of W * 3 values: (x / 255 - mean) / std == x * scale + shift.
        mean, std = torch.tensor(self.mean, dtype=torch.float64), torch.tensor(self.std, dtype=torch.float64)
        self._scale = (1 / (255 * std)).float().repeat(width).to(train_x.device)
        self._shift = (-mean / std).float().repeat(width).to(train_x.device)

    @property
    def standin(self):
        """True if these are generated images, not the set they stand in for."""
        return self.source.kind == "standin"

    @property
    def device(self):
        return self.train_y.device

    @property
    def train_size(self):
        """How many examples an epoch has."""
        return len(self.train_y)

    def prepared(self, *, mean=None, std=None, padding=None):
        """The same images, the tensors shared, as another code prepares them: its constants, its padding.

        None keeps what is here.
        """
        return Images(self.name, self.train_x, self.train_y, self.test_x, self.test_y, self.classes, self.source,
                      self.mean if mean is None else mean, self.std if std is None else std,
                      self.padding if padding is None else padding, self.flip)

    def random_labels(self, seed):
        """The training images with their labels dealt out anew, for training and as the test set: what is scored on
        them has been memorised.

        Every class keeps its number of labels; the same seed, a whole number from 0 on, deals the same. The images are
        shared, not copied.
        """
        dealt = torch.randperm(len(self.train_y), generator=torch.Generator().manual_seed(whole("seed", seed)))
        y = self.train_y[dealt.to(self.device)]
        return Images(self.name, self.train_x, y, self.train_x, y, self.classes, self.source, self.mean, self.std,
                      self.padding, self.flip)

    def digest(self):
        """A short name for the contents: other images, the same in another order or prepared otherwise, have
        another."""
        whole = sha256(repr((self.mean, self.std, self.padding, self.flip)).encode())
        for tensor in (self.train_x, self.train_y, self.test_x, self.test_y):
            whole.update(tensor.cpu().numpy().tobytes())
        return whole.hexdigest()[:12]

    def normalize(self, x):
        """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in channels_last: (x / 255 - mean) / std."""
        rows = torch.addcmul(self._shift, x.flatten(2).float(), self._scale)
        return rows.view(x.shape).permute(0, 3, 1, 2)

    def batches(self, batch, generator, augment=True):
        """One epoch of (x, y): x float32 (batch, 3, H, W) normalised, y int64 (batch,), shuffled by
        `generator`.

        `generator` is a torch.Generator on the images' device and the only source of chance. The last batch
        may be ragged; one image alone is left out, because BatchNorm cannot use it. Nothing waits for the
        device. Raises ValueError for a batch, or an epoch, of fewer than two images.
        """
        batch, augment = whole("batch", batch, least=2), flag("augment", augment)
        whole("training images of an epoch", len(self.train_y), least=2)
        augmentation.check_chance(generator, self.device)
        order = torch.randperm(len(self.train_y), generator=generator, device=self.train_y.device)
        for chosen in order.split(batch):
            if len(chosen) > 1:
                x = self.train_x.index_select(0, chosen)
                x = augmentation.augment(x, generator, self.padding, self.flip) if augment else x
                yield self.normalize(x), self.train_y.index_select(0, chosen)

    def test_batches(self, batch=None):
        """Every test image once, in order, as (x, y) like `batches` gives them. batch: default 500, on a GPU 2,000."""
        usual = 500 if self.device.type == "cpu" else 2000
        batch = usual if batch is None else whole("batch", batch, least=1)
        for x, y in zip(self.test_x.split(batch), self.test_y.split(batch)):
            yield self.normalize(x), y

    def sample(self):
        """The first training images, 256 at most, without augmentation, as (x, y): to measure on."""
        return self.normalize(self.train_x[:SAMPLE]), self.train_y[:SAMPLE]

    def preparation(self):
        """What is recorded of how the images were prepared."""
        return {"images": {"mean": list(self.mean), "std": list(self.std), "padding": self.padding}}

    def __repr__(self):
        return (f"Images({self.name}: {len(self.train_y):,} train, {len(self.test_y):,} test, "
                f"{self.train_x.device}, {self.source.kind})")
