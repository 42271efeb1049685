"""How fast batches are made, beside torchvision's transforms on the same images in the same run."""

import time

import torch
from PIL import Image

from .sources import load


def pipeline_row(batch=128, images=None):
    """Images/s of augmented, normalised batches: ours and torchvision's, whose best number of workers counts.

    Returns a dict: pipeline, batch, threads, images_per_s, torchvision_images_per_s, torchvision_workers,
    ratio.
    """
    images = images or load("cifar10", train=10_000, test=1_000)
    loaders = {workers: _loader(images, batch, workers) for workers in (0, 2)}
    ours, theirs = 0.0, {workers: 0.0 for workers in loaders}
    for _ in range(3):  # best of three, in turn, so that a slow moment of the machine slows no one side alone
        ours = max(ours, *(_rate(images.batches(batch, torch.Generator().manual_seed(0))) for _ in range(5)))
        for workers, loader in loaders.items():
            theirs[workers] = max(theirs[workers], _rate(loader))
    best = max(theirs, key=theirs.get)
    return {"pipeline": "reflect-pad, crop, flip, normalise", "data": images.source.kind, "batch": batch,
            "threads": torch.get_num_threads(), "images_per_s": round(ours),
            "torchvision_images_per_s": round(theirs[best]), "torchvision_workers": best,
            "ratio": round(ours / theirs[best], 1)}


class _Photographs(torch.utils.data.Dataset):
    """uint8 images as PIL photographs, transformed one by one."""

    def __init__(self, arrays, labels, transform):
        self.arrays, self.labels, self.transform = arrays, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.arrays[i])), self.labels[i]


def _loader(images, batch, workers):
    from torchvision import transforms

    transform = transforms.Compose([
        transforms.RandomCrop(images.shape[1:], padding=4, padding_mode="reflect"),
        transforms.RandomHorizontalFlip(), transforms.ToTensor(),
        transforms.Normalize(images.mean, images.std)])
    photographs = _Photographs(images.train_x.numpy(), images.train_y, transform)
    return torch.utils.data.DataLoader(photographs, batch, shuffle=True, num_workers=workers,
                                       persistent_workers=workers > 0,
                                       generator=torch.Generator().manual_seed(0))


def _rate(batches):
    """Images/s from the first batch on: what starting workers costs is not held against them."""
    batches, seen = iter(batches), 0
    next(batches)
    began = time.perf_counter()
    for x, _ in batches:
        seen += len(x)
    return seen / (time.perf_counter() - began)


def bench(args):
    """What `--json` prints, and the same in lines."""
    row = pipeline_row()
    return row, "\n".join(f"{key:<28}{value}" for key, value in row.items())
