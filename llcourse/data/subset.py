"""Seeded, stratified subsets."""

import numpy as np

from ..arguments import whole
from .errors import DataError


def stratified(labels, size, seed, what="images"):
    """Indices of `size` images (None: all), shuffled, each class with its share of the whole.

    labels: int (N,). The same seed gives the same images whatever the machine, and for balanced classes a
    smaller subset lies inside a larger one. Raises DataError if there are not that many.
    """
    size = len(labels) if size is None else size
    if not 0 < size <= len(labels):
        raise DataError(f"{size:,} {what} were asked for; there are {len(labels):,}; ask for 1 to that many")
    rng = np.random.default_rng(whole("seed", seed))
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * size / len(labels)
    take = np.floor(shares).astype(int)
    largest_remainders = np.argsort(take - shares, kind="stable")[: size - take.sum()]
    take[largest_remainders] += 1
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, take)]
    return rng.permutation(np.concatenate(chosen))
