"""Figures of reach matrices: a row a loss, a column a module."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from ..arguments import number, several
from ..reach import METHODS, ReachError
from . import given
from .style import LABEL, LEAST, SMALL, TITLE, ground, named

WIDE = 4  # matrices in a row
READABLE = 24  # rows or columns whose entries and numbers can be read one by one; larger matrices have colours alone


def draw_matrix(axes, R, title="", column="module", declared=None, ticks=None):
    """Draw a reach matrix on an Axes; entries that differ from `declared` stand out in red, in a frame.

    column: what a column is, as reach.Method says it.   ticks: what each column is called (default: its number).
    """
    R, declared = given.matrix(R), None if declared is None else given.matrix(declared)
    if declared is not None and declared.shape != R.shape:
        raise ReachError(f"declared is a matrix of shape {declared.shape} and measured one of {R.shape}")
    rows, K = R.shape
    axes.imshow(R, cmap="Blues", vmin=0, vmax=1.6, aspect="equal")
    size, every = SMALL if rows <= 6 else LEAST, -(-max(rows, K) // READABLE)
    ticks = range(1, K + 1) if ticks is None else [given.text(name) for name in several("ticks", ticks)]
    if len(ticks) != K:
        raise ReachError(f"ticks are {len(ticks)} names for {K} columns")
    for i in range(rows):
        for j in range(K):
            wrong = declared is not None and R[i, j] != declared[i, j]
            if every == 1:
                axes.text(j, i, str(R[i, j]), ha="center", va="center", fontsize=size,
                          color="crimson" if wrong else ("white" if R[i, j] else "0.6"),
                          fontweight="bold" if wrong else "normal")
            if wrong:  # a frame, which grey keeps
                axes.add_patch(plt.Rectangle((j - 0.44, i - 0.44), 0.88, 0.88, fill=False, color="crimson",
                                             linewidth=2))
    ground(axes)
    named(axes, column, "loss", title)
    axes.set_xticks(range(0, K, every), ticks[::every], fontsize=size)
    axes.set_yticks(range(0, rows, every), range(1, rows + 1, every), fontsize=size)
    if every == 1:
        axes.set_xticks(np.arange(0.5, K - 1), minor=True)
        axes.set_yticks(np.arange(0.5, rows - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    sns.despine(ax=axes, left=True, bottom=True)


def matrix(R):
    """One reach matrix."""
    figure, axes = plt.subplots(figsize=(3, 3), layout="constrained")
    draw_matrix(axes, R)
    return figure


def reach(declared, measured, title=""):
    """A declared matrix beside a MeasuredReach; entries that differ stand out in red, in a frame."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 3.3 if title else 2.8), layout="constrained")
    draw_matrix(left, declared, "declared")
    draw_matrix(right, _measured(measured), "measured by autograd", declared=declared)
    if title:
        figure.suptitle(given.text(title), fontsize=TITLE)
    return figure  # a property of the code, not of the images: no stand-in stamp


def reaches(pairs, width=2.9, column="module", ticks=None):
    """Several such pairs as one figure, the declared above the measured. pairs: {title: (declared, MeasuredReach)};
    width: of each, in inches; column, ticks: what a column is, and what each is called."""
    width = number("width", width, least=1, most=20)
    pairs = {title: given.pair(title, pair) for title, pair in given.entries(pairs).items()}
    figure, axes = plt.subplots(2, len(pairs), figsize=(width * len(pairs), 2 * width - 0.6),
                                squeeze=False, layout="constrained")
    for (title, (declared, measured)), (above, below) in zip(pairs.items(), axes.T):
        draw_matrix(above, declared, title, column, ticks=ticks)
        draw_matrix(below, _measured(measured), column=column, declared=declared, ticks=ticks)
    axes[0, 0].set_ylabel("declared\n\nloss", fontsize=LABEL)
    axes[1, 0].set_ylabel("measured by autograd\n\nloss", fontsize=LABEL)
    return figure


def _measured(measured):
    if not hasattr(measured, "matrix"):
        raise ReachError(f"measured is what measure.reach returns; got {measured!r}")
    return measured.matrix


def methods(K=4):
    """The reach matrices of every method of the course on one page."""
    rows = -(-len(METHODS) // WIDE)
    figure, axes = plt.subplots(rows, WIDE, figsize=(10, 2.9 * rows), squeeze=False, layout="constrained")
    for ax, (name, method) in zip(axes.flat, METHODS.items()):
        draw_matrix(ax, method(K), name, method.column)
    for ax in axes.flat[len(METHODS):]:
        ax.axis("off")
    return figure
