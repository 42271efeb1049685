"""What all figures share: sizes of text, colours, dashes and markers, clean ground, and the stamp on stand-in data."""

from itertools import cycle

import seaborn as sns

from .given import text

TITLE, LABEL, SMALL = 11, 11, 10  # points: titles; names of axes; ticks, legends and values
LEAST = 8.5  # values in cells and bars that have no room for more: below 8, half size cannot be read

# Lines and points that differ in colour alone are one and the same in grey. 7 dashes and 8 markers make 56 pairs, and
# the first 7 share neither.
DASHES = ["-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (2, 1)), (0, (8, 3))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
HATCHES = ["", "///", "...", "xxx"]


def module_colours(K):
    """K colours, light to dark, first module to last."""
    return sns.color_palette("crest", K)


def colours():
    """Colours of lines and points, without end; they repeat where dashes and markers do not."""
    return cycle(sns.color_palette("colorblind"))


def named(axes, x="", y="", title="", left=False):
    """Name an Axes and what stands along it, all in the sizes of the course."""
    axes.set_xlabel(text(x), fontsize=LABEL)
    axes.set_ylabel(text(y), fontsize=LABEL)
    axes.set_title(text(title), fontsize=TITLE, loc="left" if left else "center")
    axes.tick_params(labelsize=SMALL)


def room(axes):
    """Width and height of an Axes in points, roughly: before a layout, which mostly widens it."""
    return 72 * axes.get_position().size * axes.figure.get_size_inches()


def ground(axes, lines=None):
    """Grid lines along the axis `lines` ("x", "y", "both" or None), behind everything drawn."""
    axes.grid(False)
    axes.set_axisbelow(True)
    if lines:
        axes.grid(True, axis=lines, color="0.88", linewidth=0.8)


def legend(figure, **where):
    """One legend for all Axes of a figure, each label once. where: as Figure.legend takes it."""
    handles = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(handles.values(), handles.keys(), frameon=False, fontsize=SMALL, **where)


def stamped(figure, standin):
    """The figure, with words across it if it was drawn from generated images."""
    if standin:
        figure.text(0.5, 0.5, "STAND-IN DATA, not CIFAR-10", color="crimson", alpha=0.35, fontsize=20, rotation=15,
                    ha="center", va="center")
    return figure
