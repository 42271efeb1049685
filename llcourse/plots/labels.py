"""Names beside points: none over a point, a line or another name, and none nearer to another point than to its own."""

from itertools import product

import numpy as np
from matplotlib.transforms import Bbox

from .style import SMALL

RADII = (9, 16, 24, 34, 46, 60, 80, 100)  # points from marker to name; from the second on a thin line joins the two
ANGLES = np.radians((0, 180, 45, 135, -45, -135, 90, -90, 20, 160, -20, -160))
MARKER = 5  # half the side of the square that a marker takes, in points


def place_labels(axes, points):
    """Write the names of {name: (x, y)} on an Axes, whose limits and place in the figure must be final."""
    dot = axes.figure.dpi / 72
    at = {name: axes.transData.transform(xy) for name, xy in points.items()}
    taken = [_square(xy, MARKER * dot) for xy in at.values()]
    lines = []
    frame = axes.get_window_extent()
    for name, xy in at.items():
        text = axes.annotate(name, points[name], fontsize=SMALL, xytext=(0, 0), textcoords="offset points",
                             va="center", annotation_clip=False, zorder=4,
                             bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
        size = text.get_window_extent().size + 4 * dot
        radius, angle = min(product(RADII, ANGLES), key=lambda way: _cost(way, xy, size, dot, at, taken, lines, frame))
        box, end = _boxed((radius, angle), xy, size, dot)
        text.set_ha("left" if np.cos(angle) > 0.1 else "right" if np.cos(angle) < -0.1 else "center")
        text.set_position(radius * np.array([np.cos(angle), np.sin(angle)]))
        taken.append(box)
        if radius > RADII[0]:
            lines.append((xy, end))
            axes.plot(*axes.transData.inverted().transform([xy, end]).T, color="0.4", linewidth=0.8, zorder=2,
                      scalex=False, scaley=False)


def _boxed(way, xy, size, dot):
    """Where a name would stand, and where its line would end, in pixels."""
    radius, angle = way
    end = xy + radius * dot * np.array([np.cos(angle), np.sin(angle)])
    shift = 0 if np.cos(angle) > 0.1 else 1 if np.cos(angle) < -0.1 else 0.5
    corner = end - size * (shift, 0.5)
    return Bbox([corner, corner + size]), end


def _cost(way, xy, size, dot, at, taken, lines, frame):
    """How bad a place is: first what it would cover or be taken for, then the lines it would cross, then how far away
    it is."""
    box, end = _boxed(way, xy, size, dot)
    own = [other for other in taken if not other.contains(*xy)]
    outside = not (frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1)
    covered = sum(box.overlaps(other) for other in taken)
    crossed = sum(_crosses(line, box) for line in lines)
    if way[0] > RADII[0]:
        crossed += sum(_crosses((xy, end), other) for other in own)
        mistaken = False  # the line says whose name it is
    else:
        mistaken = min(np.linalg.norm(end - other) for other in at.values()) < np.linalg.norm(end - xy)
    return covered + outside + mistaken, crossed, way[0]  # a name can be read across a line, not across a name


def _crosses(line, box):
    steps = np.linspace(0, 1, 40)[:, None]
    path = line[0] * (1 - steps) + line[1] * steps
    return bool(((path > box.min) & (path < box.max)).all(axis=1).any())


def _square(xy, half):
    return Bbox([xy - half, xy + half])
