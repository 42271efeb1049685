"""Generated images for when no real ones can be had: classes that a linear model cannot tell apart.

A class is WHICH TWO of a few glyphs appear, anywhere, at any size, in any colour, over clutter and noise. One
glyph says little, the pair says all, so features must first be found and then combined: depth pays, and so
does end-to-end training.
"""

from itertools import combinations

import numpy as np

from .cache import Decoded

CHUNK = 1_000  # images drawn from one seed, so that a smaller stand-in is the beginning of a larger one
GRID = 5  # a glyph is a pattern of 5 x 5 squares
SIDE = 32
TRAIN, TEST = 0, 1


def generate(image_set, train=None, test=None, why=""):
    """A stand-in for `image_set`: a Decoded with at least `train` and `test` images (None: as many as the set has, and
    never more)."""
    x, y = _images(image_set, min(train or image_set.train, image_set.train), TRAIN)
    test_x, test_y = _images(image_set, min(test or image_set.test, image_set.test), TEST)
    return Decoded(x, y, test_x, test_y, "standin", why)


def _images(image_set, size, split):
    seeds = [[split, chunk] for chunk in range(-(-size // CHUNK))]
    chunks = [_chunk(len(image_set.classes), np.random.default_rng(seed)) for seed in seeds]
    x, y = (np.concatenate(part) for part in zip(*chunks))
    zoom = image_set.side // SIDE
    return x.repeat(zoom, axis=1).repeat(zoom, axis=2), y


def _chunk(classes, rng):
    glyphs = next(n for n in range(2, 100) if n * (n - 1) // 2 >= classes)
    pairs = np.array(list(combinations(range(glyphs), 2)))
    y = rng.permutation(np.arange(CHUNK) % classes)
    x = _clutter(rng)
    for glyph in pairs[y].T:
        where = _masks(_shapes(glyphs)[glyph], rng)[..., None]
        # far from mid-grey in a random direction, so that neither colour nor brightness tells the class
        colour = rng.normal(size=(CHUNK, 1, 1, 3))
        colour = 128 + 95 * colour / np.linalg.norm(colour, axis=-1, keepdims=True)
        x = np.where(where, colour, x)
    return (x + rng.normal(0, 16, x.shape)).clip(0, 255).astype(np.uint8), y


def _shapes(glyphs):
    """Fixed patterns with 12 of 25 squares on, and an empty sixth row and column for what lies outside."""
    squares = np.tile(np.arange(GRID * GRID) < 12, (glyphs, 1))
    shapes = np.random.default_rng(5).permuted(squares, axis=1).reshape(glyphs, GRID, GRID)
    return np.pad(shapes, ((0, 0), (0, 1), (0, 1)))


def _masks(shapes, rng):
    """One (SIDE, SIDE) mask for each (6, 6) shape, at a random size and place."""
    side = rng.uniform(10, 15, len(shapes))
    axes = []
    for _ in range(2):
        start = rng.uniform(0, SIDE - side)
        square = np.floor((np.arange(SIDE) - start[:, None]) / side[:, None] * GRID).astype(int)
        axes.append(np.where((square < 0) | (square >= GRID), GRID, square))
    rows, columns = axes
    return shapes[np.arange(len(shapes))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _clutter(rng):
    """(CHUNK, SIDE, SIDE, 3) smooth random colours: a coarse grid, linearly interpolated."""
    coarse = rng.uniform(40, 216, (CHUNK, 6, 6, 3))
    at = np.linspace(0, 5, SIDE)
    weights = (1 - np.abs(at[:, None] - np.arange(6))).clip(0)
    return np.einsum("ia,nabc,jb->nijc", weights, coarse, weights, optimize=True)
