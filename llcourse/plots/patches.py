"""Figure of what is alike to a codebook: the mean image patch of all pixels that share a code."""

import matplotlib.pyplot as plt
import numpy as np

from .. import data
from .given import entries, numbers, pair, text
from .style import LABEL, SMALL, ground, stamped


def patches(rows):
    """A row of patches a codebook, above each the share of the pixels that it stands for, in percent.

    rows: {name: (patches, shares)}: patches (n, height, width, 3) in 0 ... 1, shares n numbers in percent.
    """
    rows = {name: _row(name, *pair(name, row)) for name, row in entries(rows).items()}
    columns = max(len(shares) for _, shares in rows.values())
    figure, axes = plt.subplots(len(rows), columns, figsize=(9, 0.85 * len(rows)), squeeze=False, layout="constrained")
    for line, (name, (pictures, shares)) in zip(axes, rows.items()):
        for ax in line:
            ground(ax)
            ax.set(xticks=[], yticks=[])
        for ax, picture, share in zip(line, pictures, shares):
            ax.imshow(picture, vmin=0, vmax=1)
            ax.set_title(f"{share:.0f} %", fontsize=SMALL, pad=3)
        for ax in line[len(shares):]:
            ax.set_axis_off()
        line[0].set_ylabel(text(name), fontsize=LABEL, rotation=0, ha="right", va="center", labelpad=6)
    return stamped(figure, data.standin_in_use())


def _row(name, pictures, shares):
    try:
        pictures = np.asarray(pictures)
    except (ValueError, TypeError, RuntimeError):
        pictures = np.empty(0)
    shares = numbers(name, shares)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype.kind not in "fiu" or not len(shares) or (
            len(shares) > len(pictures)):
        raise ValueError(f"{name!r} is drawn of patches (n, height, width, 3) and n shares; got patches of shape "
                         f"{pictures.shape} and {len(shares)} shares")
    return pictures, shares
