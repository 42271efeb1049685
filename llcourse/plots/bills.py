"""Figure of who pays when: a row a module, in it what stays at inference, then, hatched, what vanishes after
training."""

import math

import seaborn as sns

from .given import label, numbers, text
from .style import HATCHES, LEAST, SMALL, ground, room


def draw_bill(axes, stays, vanishes, names):
    """Draw a bar a module on an Axes, each with two sums, of what stays + what vanishes; that of the dearest is bold.
    Where bars are narrow, sums stand beside the first of several alike.

    stays, vanishes: {part: a number for each module}, first those of `stays`; names: of the modules, from the image on.
    """
    rows, left, sums = range(len(names)), [0.0] * len(names), []
    for parts, colours, hatches in ((stays, sns.color_palette("crest_r", 3), ["", "///"]),
                                    (vanishes, ["0.93", "white"], HATCHES[2:])):
        before = left
        for (part, widths), colour, hatch in zip(parts.items(), colours, hatches):
            widths = numbers(part, widths, len(names))
            if any(widths):
                bars = axes.barh(rows, widths, left=left, height=0.8, color=colour, hatch=hatch, linewidth=0.5,
                                 edgecolor="white" if parts is stays else "0.45", label=label(part))
                for bar in bars:
                    bar.sticky_edges.x[:] = [0]  # an empty part at a bar's end would hold the axis there
            left = [start + width for start, width in zip(left, widths)]
        sums.append([end - start for start, end in zip(before, left)])
    step, dearest = math.ceil(1.2 * SMALL * len(names) / room(axes)[1]), left.index(max(left))
    shown = [f"{kept:.1f} + {gone:.1f}" for kept, gone in zip(*sums)]
    for y, (words, end) in enumerate(zip(shown, left)):
        if step == 1 or y == dearest or shown[y - 1] != words == shown[(y + 1) % len(shown)]:
            axes.annotate(words, (end, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=LEAST,
                          fontweight="bold" if y == dearest else "normal")
    axes.set_yticks(rows[::step], [text(name) for name in names[::step]])  # where they would touch, some
    axes.margins(x=0.2)  # no limits: in a strip others share the axis
    axes.set_ylim(len(names) - 0.4, -0.6)
    ground(axes)
