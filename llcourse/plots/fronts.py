"""What quality costs: points of several methods, and the Pareto front that they leave."""

import math
from itertools import cycle

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, StrMethodFormatter

from .. import data
from ..arguments import number, several
from ..data.score import ACCURACY, Score
from ..fronts import front
from .given import entries, label, numbers
from .style import MARKERS, colours, ground, legend, named, stamped


def fronts(costs, quality=ACCURACY):
    """One Axes a kind of cost, all with the same quality. costs: {what it costs: {method: [(cost, quality), ...]}}.

    quality: the Score that it is, such as data.BITS, which says whether more or less of it is better; or a text, for
    something of which more is.
    The stairs are the front: at every cost the best that it buys, whatever the method; its points stand out.
    """
    figure, every = plt.subplots(1, len(entries(costs)), figsize=(9, 3.4), sharey=True, squeeze=False,
                                 layout="constrained")
    for axes, (cost, methods) in zip(every.flat, costs.items()):
        draw_front(axes, methods, quality.best if isinstance(quality, Score) else max)
        named(axes, cost, quality.label if isinstance(quality, Score) else quality)
        axes.label_outer()
    legend(figure, loc="outside lower center", ncols=4)
    return stamped(figure, data.standin_in_use())  # points have no source of their own


def draw_front(axes, methods, best=max):
    """Draw {method: [(cost, quality), ...]} on an Axes, costs doubling from mark to mark, with the front as stairs.

    best: max or min, which of two qualities is better.
    """
    methods = {name: [_point(name, point) for point in several(repr(name), every)]
               for name, every in entries(methods).items()}
    points = {(name, n): point for name, every in methods.items() for n, point in enumerate(every)}
    bought = front(entries(points), best)
    axes.set_xscale("log", base=2)
    for (name, every), marker, colour in zip(methods.items(), cycle(MARKERS), colours()):
        for n, (x, y) in enumerate(every):
            on = (name, n) in bought
            axes.scatter(x, y, s=60 if on else 26, marker=marker, color=colour if on else "white",
                         edgecolor="0.15" if on else colour, linewidth=0.8 if on else 1.2, zorder=3)
        axes.scatter([], [], s=40, marker=marker, color=colour, edgecolor="0.15", linewidth=0.8, label=label(name))
    stairs = [points[key] for key in bought]
    axes.step(*zip(*stairs, (axes.get_xlim()[1], stairs[-1][1])), where="post", color="0.35", linewidth=1.4,
              label="front", zorder=2)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=8))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.minorticks_off()
    ground(axes, "both")


def _point(name, point):
    cost, quality = numbers(name, point, 2)
    return number(f"a cost of {name!r}", cost, above=0), number(f"a quality of {name!r}", quality, least=-math.inf)
