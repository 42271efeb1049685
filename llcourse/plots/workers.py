"""Figure of who computes what: a row a depth of the network, in it a rectangle a worker, as wide as its work."""

import matplotlib.pyplot as plt
import seaborn as sns

from .given import text
from .style import HATCHES, LEAST, ground


def draw_workers(axes, rows, whole):
    """Draw workers on an Axes; the largest stands in a frame, its number is bold, and a line shows the whole network.

    rows: [(name, how many workers, work of the module of each, work of its head), ...] from the image on; whole: the
    work of the network in one piece.
    """
    places = [(y, i * (m + h), m, h) for y, (_, n, m, h) in enumerate(rows) for i in range(n)]
    y, left, module, head = map(list, zip(*places))
    parts = {"module": (module, left), "its head": (head, [start + m for start, m in zip(left, module)])}
    for (part, (width, start)), colour, hatch in zip(parts.items(), sns.color_palette("crest_r", 2), HATCHES):
        axes.barh(y, width, left=start, height=0.8, color=colour, hatch=hatch, edgecolor="white", linewidth=0,
                  label=part)
    between = [(y, start) for y, start, *_ in places if start]
    axes.vlines([start for _, start in between], [y - 0.4 for y, _ in between], [y + 0.4 for y, _ in between],
                color="white", linewidth=1)
    axes.axvline(whole, color="0.3", linestyle=":", linewidth=1.5, zorder=0, label="the network in one piece")
    largest = max(range(len(rows)), key=lambda y: rows[y][2] + rows[y][3])
    for y, (_, n, m, h) in enumerate(rows):
        axes.annotate(f"{n} x {m + h:.2f}", (n * (m + h), y), xytext=(5, 0), textcoords="offset points", va="center",
                      fontsize=LEAST, fontweight="bold" if y == largest else "normal",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    _, _, m, h = rows[largest]
    axes.add_patch(plt.Rectangle((0, largest - 0.4), m + h, 0.8, fill=False, color="crimson", linewidth=2, zorder=3))
    axes.set_yticks(range(len(rows)), [text(name) for name, *_ in rows])
    axes.set(xlim=(0, 1.17 * whole), ylim=(len(rows) - 0.4, -0.6))
    ground(axes)
