"""Figure of who pays when: a row a module, in it what stays at inference, then, hatched, what vanishes after
training."""

import seaborn as sns

from .given import label, numbers, text
from .style import HATCHES, LEAST, ground


def draw_bill(axes, stays, vanishes, names):
    """Draw a bar a module on an Axes, each with two sums, of what stays + what vanishes; that of the dearest is bold.

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
    for y, (kept, gone, end) in enumerate(zip(*sums, left)):
        axes.annotate(f"{kept:.1f} + {gone:.1f}", (end, y), xytext=(5, 0), textcoords="offset points", va="center",
                      fontsize=LEAST, fontweight="bold" if y == left.index(max(left)) else "normal")
    axes.set_yticks(rows, [text(name) for name in names])
    axes.margins(x=0.2)  # no limits: in a strip others share the axis
    axes.set_ylim(len(names) - 0.4, -0.6)
    ground(axes)
