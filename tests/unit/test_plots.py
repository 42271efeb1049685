"""What figures show, in colour and in grey, and what they say about the images behind them."""

from collections import namedtuple
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import seaborn
import torch
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from llcourse import History, networks, plots, reach, timeline, wiring

ROWS = [{"accuracy": [50.0, 60.0]}, {"accuracy": [55.0, 65.0]}]


def stamped(figure):
    return any("STAND-IN" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("draw", [plots.curves, plots.by_module])
def test_a_figure_of_runs_on_the_standin_says_so(draw):
    recorded, generated = History(ROWS), History(ROWS, standin=True)
    assert not stamped(draw({"recorded": recorded})) and stamped(draw({"recorded": recorded, "here": generated}))


def test_points_say_so_while_the_standin_is_what_was_loaded_last(monkeypatch):
    for standin in (True, False):
        monkeypatch.setattr("llcourse.data.sources._standin_loaded", standin)
        assert stamped(plots.tradeoff({"DGL": (1.0, 2.0), "Backprop": (3.0, 4.0)}, "cost")) is standin
        assert stamped(plots.lines({"DGL": [1.0, 2.0]}, "epoch", "error")) is standin
        assert stamped(plots.patches(PATCHES)) is standin


BATCH = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 4


@pytest.mark.parametrize("R", [reach.local(3), reach.interlocking(3, 2), reach.deep_supervision(3)], ids=str)
def test_gradients_are_shaded_where_they_arrive_and_white_elsewhere(R):
    torch.manual_seed(0)
    net = networks.sketch(wiring.chain(3), classes=4)
    net.reach = R
    figure = plots.gradients(net, BATCH)
    (mesh,) = figure.axes[0].collections
    drawn = np.ma.masked_invalid(mesh.get_array()).reshape(3, -1)
    parts = [name for j in (1, 2, 3) for name in (f"module {j}", f"head {j}")]  # in depth order, two tensors each
    assert [text.get_text() for text in figure.axes[0].texts] == parts and drawn.shape == (3, 12)
    expected = np.zeros((3, 6), int)
    expected[:, ::2], expected[:, 1::2] = R, np.diag(R.any(axis=1).astype(int))
    assert np.array_equal(~drawn.mask, expected.repeat(2, axis=1).astype(bool))
    for i in net.losses:  # each as training computes it
        net.zero_grad()
        net.backward(*BATCH, losses=(i,))
        norms = [0 if p.grad is None else p.grad.norm() for name in parts for p in net.parts()[name].parameters()]
        assert np.allclose(drawn.filled(0)[i], norms, rtol=1e-4)


def test_a_gradient_that_arrives_but_is_zero_is_not_white():
    net = networks.sketch(wiring.chain(2), classes=4)
    for head in net.heads:
        torch.nn.init.zeros_(head.linear.weight)
    drawn = plots.gradients(net, BATCH).axes[0].collections[0].get_array().reshape(2, 8)
    assert not drawn.mask[0, :2].any() and drawn.mask[0, 4:].all()


def test_gradients_by_slice_have_a_column_a_slice():
    net = networks.resnet(8, width=4, shape=(3, 8, 8), classes=4).cut(2)
    weight = net.body[0][0][0].weight
    figure = plots.gradients(net, BATCH, parts={"group 1": [(weight, slice(0, 2))], "group 2": [(weight, slice(2, 4))]})
    assert [text.get_text() for text in figure.axes[0].texts] == ["group 1", "group 2"]
    drawn = figure.axes[0].collections[0].get_array().reshape(2, 2)
    assert (drawn[0] > 0).all() and drawn.mask[1].all()


def test_chains_cut_each_border_that_no_gradient_crosses_and_none_behind_the_last_module():
    figure = plots.chains({"chunked": reach.chunked(4, 2), "local": reach.local(4), "backprop": reach.backprop(4)})
    dashed = [[line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] for axes in figure.axes]
    assert dashed == [[2], [1, 2, 3], []]


@pytest.fixture(autouse=True)
def style():
    """A chapter's style, in which grids show."""
    with plt.rc_context():
        seaborn.set_theme(context="notebook", style="whitegrid", palette="colorblind")
        yield
    plt.close("all")


Measured = namedtuple("Measured", "matrix")
RUNS = {f"K = {K}": History([{"accuracy": [K + 1.0, 2.0 * K]}, {"accuracy": [K + 2.0, 3.0 * K]}]) for K in range(1, 8)}
POINTS = {"linear": (2.8, 38.0), "mlp": (2.8, 41.0), "mlp-sr": (2.8, 34.3), "cnn": (5.0, 40.0),
          "backprop, 3 epochs": (3, 41.4), "backprop, 8 epochs": (8, 51.7)}  # as in chapter 02
CROWD = {f"a long name, point {n}": (1 + 0.01 * n, 40 + 0.1 * (n % 3)) for n in range(7)} | {"far": (9, 90)}
FAMILIES = {"Backprop": [(1, 50), (2, 60), (4, 70)], "DGL": [(0.5, 40), (1.5, 55), (4, 60)]}
GREEDY = timeline.sequential(2, 1)
PATCHES = {f"Kc = {Kc}": (np.random.default_rng(0).random((Kc, 8, 8, 3)), np.full(Kc, 100 / Kc)) for Kc in (4, 16)}
NARROW = "local", "chunked", "overlapping", "2-wise", "backprop"
FIGURES = {
    "curves": lambda: plots.curves(RUNS),
    "by_module": lambda: plots.by_module(RUNS),
    "lines": lambda: plots.lines({"16 times": [0.3, 0.2], "64 times": [0.6, 0.5]}, "epoch", "error"),
    "patches": lambda: plots.patches(PATCHES),
    "tradeoff": lambda: plots.tradeoff(POINTS, "cost"),
    "crowd": lambda: plots.tradeoff(CROWD, "cost"),
    "fronts": lambda: plots.fronts({"MACs": FAMILIES, "time on K workers": FAMILIES}),
    "pipelines": lambda: plots.timeline({"ZB-H1": timeline.simulate(reach.backprop(4), 1, micro=4,
                                                                   pipeline="ZB-H1")}, 4),
    "bars": lambda: plots.bars({"module 1": 15.2, "module 2": 23.5}, "MiB", note="{:.1f}"),
    "shares": lambda: plots.shares({"freshest": {0: 70, 1: 20, 2: 10}, "authors": {0: 30, 9: 70}}, "staleness"),
    "ticks": lambda: plots.timeline({"two": timeline.asynchronous([(0,), (1,), (0,), (1,)], 2, 2)[0]}, 2),
    "stacked": lambda: plots.stacked({"with linear heads": [76, 53], "added by 1c2f heads": [0, 1]}, ["1", "2"], "K",
                                     "MiB"),
    "matrix": lambda: plots.matrix(reach.backprop(8)),
    "large": lambda: plots.matrix(reach.groups(10, 4)),
    "reach": lambda: plots.reach(reach.backprop(4), Measured(reach.local(4)), title="Backprop"),
    "reaches": lambda: plots.reaches({n: (reach.METHODS[n](4), Measured(reach.METHODS[n](4))) for n in reach.METHODS}),
    "narrow": lambda: plots.reaches({n: (reach.local(4), Measured(reach.local(4))) for n in NARROW}, width=2),
    "methods": lambda: plots.methods(4),
    "chains": lambda: plots.chains({"local": reach.local(4), "backprop": reach.backprop(4)}),
    "gradients": lambda: plots.gradients(networks.sketch(wiring.chain(3), classes=4), BATCH),
    "timeline": lambda: plots.timeline({"a": timeline.simulate(reach.local(4), 12), "greedy": GREEDY}, 4),
}
figures = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def test_a_large_matrix_has_colours_alone_and_differences_in_frames():
    """Numbers that nobody can read take half a minute to draw."""
    figure, axes = plt.subplots()
    wrong = reach.local(40)
    wrong[3, 1] = 1
    plots.draw_matrix(axes, wrong, declared=reach.local(40))
    assert not axes.texts and len(axes.patches) == 1 and [t.get_text() for t in axes.get_xticklabels()][:3] == [
        "1", "3", "5"]
    figure, axes = plt.subplots()
    plots.draw_matrix(axes, reach.local(24))
    assert len(axes.texts) == 24 * 24 and len(axes.get_xticks()) == 24


def boxes(figure, texts):
    figure.draw_without_rendering()
    return [text.get_window_extent() for text in texts]


def luminance(colour):
    return np.dot(to_rgb(colour), (0.299, 0.587, 0.114))  # as a grey print weighs them


def written(figure):
    """All texts of a figure that a reader sees."""
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


@figures
def test_no_text_is_too_small_and_names_of_axes_have_one_size(draw):
    figure = draw()
    assert min(text.get_fontsize() for text in written(figure)) >= 8
    sizes = {label.get_fontsize() for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label)
             if label.get_text()}
    assert sizes <= {plots.style.LABEL}


@figures
def test_no_grid_line_runs_through_a_text(draw):
    figure = draw()
    figure.draw_without_rendering()
    for axes in figure.axes:
        lines = [line.get_window_extent() for axis in (axes.xaxis, axes.yaxis) for line in axis.get_gridlines()
                 if line.get_visible() and axes.axison]
        texts = [text for text in axes.texts if text.get_bbox_patch() is None]  # the others have a ground of their own
        blocks = [text.get_window_extent() for text in texts if text.get_text()]
        blocks += [legend.get_window_extent() for legend in (*figure.legends, axes.get_legend()) if legend]
        assert not any(block.y0 < line.y1 and line.y0 < block.y1 and block.x0 < line.x1 and line.x0 < block.x1
                       for block in blocks for line in map(thick, lines))


def thick(box):
    return Bbox.from_extents(box.x0 - 0.5, box.y0 - 0.5, box.x1 + 0.5, box.y1 + 0.5)


@figures
def test_no_name_or_title_touches_another(draw):
    figure = draw()
    names = [text for axes in figure.axes
             for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label) if text.get_text()]
    names += figure.texts
    names += [text for legend in figure.legends for text in legend.get_texts()]
    assert not [(a, b) for a, b in combinations(boxes(figure, names), 2) if a.padded(2).overlaps(b)]


@pytest.mark.parametrize("draw", [plots.curves, plots.by_module])
def test_lines_differ_in_dashes_and_in_marker(draw):
    lines = draw(RUNS).axes[0].lines
    assert len(lines) == 7
    for a, b in combinations(lines, 2):
        assert a.get_marker() != b.get_marker() and a._unscaled_dash_pattern != b._unscaled_dash_pattern


def test_twenty_lines_are_still_told_apart():
    lines = plots.curves({str(n): History(ROWS) for n in range(20)}).axes[0].lines
    assert len({(line.get_marker(), str(line._unscaled_dash_pattern)) for line in lines}) == 20


@pytest.mark.parametrize("points", [POINTS, CROWD], ids=["chapter 02", "crowd"])
def test_names_of_points_lie_on_no_point_and_on_no_other_name(points):
    figure = plots.tradeoff(points, "cost")
    (axes,) = figure.axes
    names = boxes(figure, axes.texts)
    assert [text.get_text() for text in axes.texts] == list(points)
    dots = [Bbox([xy - 4, xy + 4]) for xy in axes.transData.transform(list(points.values()))]
    assert not any(a.overlaps(b) for a, b in combinations(names, 2))
    assert not any(name.overlaps(dot) for name in names for dot in dots)
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1
               for box in names)


def test_a_name_stands_nearest_to_its_own_point():
    figure = plots.tradeoff({"a": (1, 2), "b": (1.01, 2.01), "c": (3, 4)}, "cost")
    (left, right, _), (axes,) = boxes(figure, figure.axes[0].texts), figure.axes
    assert left.x1 < axes.transData.transform((1, 2))[0] < axes.transData.transform((1.01, 2))[0] < right.x0


def test_points_differ_in_marker():
    shapes = [points.get_paths()[0].vertices.tobytes() for points in plots.tradeoff(POINTS, "cost").axes[0].collections]
    assert len(set(shapes)) == len(POINTS)


def test_in_grey_a_backward_is_dark_and_hatched_and_a_forward_light_and_plain():
    tasks = timeline.simulate(reach.local(2), 10)
    figure = plots.timeline({"local": tasks}, 2)
    bars = [patch for container in figure.axes[0].containers for patch in container]
    assert len(bars) == len(tasks)
    shades = {"forward": [], "backward": []}
    for task, bar in zip(tasks, bars):
        assert bool(bar.get_hatch()) == (task.kind == "backward")
        shades[task.kind].append(luminance(bar.get_facecolor()[:3]))
    assert min(shades["forward"]) > max(shades["backward"]) + 0.2
    assert ([text.get_text() for text in figure.legends[0].get_texts()] == ["forward", "backward"]
            and [bool(patch.get_hatch()) for patch in figure.legends[0].get_patches()] == [False, True])


def test_a_bar_holds_the_number_of_its_batch_where_that_fits():
    tasks = timeline.simulate(reach.local(2), 3)
    assert ([text.get_text() for text in plots.timeline({"": tasks}, 2).axes[0].texts]
            == [str(task.batch + 1) for task in tasks])
    many = plots.timeline({"": timeline.simulate(reach.local(2), 40)}, 2)  # a forward is less than a digit wide
    numbers = [text for text in many.axes[0].texts]
    assert 0 < len(numbers) < 160
    assert not any(a.overlaps(b) for a, b in combinations(boxes(many, numbers), 2))


def test_frozen_forwards_are_grey_and_framed_and_phases_marked():
    figure = plots.timeline({"greedy": GREEDY}, 2)
    (axes,) = figure.axes
    frozen = [container[0] for container in axes.containers][2]
    red, green, blue = frozen.get_facecolor()[:3]
    assert red == green == blue and luminance(frozen.get_edgecolor()[:3]) < 0.7
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["forward", "backward", "frozen forward"]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [4]  # where training begins
    assert [text.get_text() for text in axes.texts if "phase" in text.get_text()] == ["phase 1", "phase 2"]
    plain = plots.timeline({"local": timeline.simulate(reach.local(2), 2)}, 2)
    assert not plain.axes[0].lines and "frozen forward" not in [t.get_text() for t in plain.legends[0].get_texts()]


def test_a_wrong_entry_is_framed_and_pairs_are_titled():
    declared, measured = reach.backprop(4), reach.backprop(4)
    measured[3, :2] = 0
    single = plots.reach(declared, Measured(measured), title="Backprop")
    assert single.get_suptitle().strip() == "Backprop" and [len(axes.patches) for axes in single.axes] == [0, 2]
    several = plots.reaches({"right": (declared, Measured(declared)), "wrong": (declared, Measured(measured))})
    assert [axes.get_title() for axes in several.axes] == ["right", "wrong", "", ""]
    assert [len(axes.patches) for axes in several.axes] == [0, 0, 0, 2]
    called = plots.reaches({"right": (declared, Measured(declared))}, ticks=["1", "s2", "$2$", 3])
    for axes in called.axes:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "s2", r"\$2\$", "3"]
    for wrong in (["1"], 4, "1234"):
        with pytest.raises((reach.ReachError, ValueError), match="ticks"):
            plots.reaches({"right": (declared, Measured(declared))}, ticks=wrong)


def test_stacked_parts_differ_in_hatch_and_the_highest_bar_ends_below_the_frame():
    (axes,) = plots.stacked({"a": [7, 5], "b": [0, 1]}, ["1", "2"], "K", "MiB").axes
    assert len({container[0].get_hatch() for container in axes.containers}) == 2
    assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 7.2


def test_a_patch_a_code_each_with_its_share():
    figure = plots.patches(PATCHES)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == 4 * ["25 %"] + 16 * ["6 %"]
    assert [axes.get_ylabel() for axes in shown if axes.get_ylabel()] == list(PATCHES)
    assert np.array_equal(shown[0].images[0].get_array(), PATCHES["Kc = 4"][0][0])


@pytest.mark.parametrize("draw", [plots.curves, plots.by_module, plots.fronts,
                                  lambda none: plots.tradeoff(none, "cost"),
                                  lambda none: plots.lines(none, "epoch", "error")])
def test_nothing_to_draw_is_said_before_a_figure_is_made(draw):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match="run the cell that trains to its end first"):
        draw({})
    assert plt.get_fignums() == before


def test_shares_are_percent_on_shared_axes():
    first, second = plots.shares({"a": {0: 3, 2: 1}, "b": {5: 10}}, "staleness").axes
    assert [(round(bar.get_x() + 0.4), bar.get_height()) for bar in first.patches] == [(0, 75), (2, 25)]
    assert second.get_ylim() == first.get_ylim() and second.get_xlim() == first.get_xlim()


def test_the_front_is_drawn_as_stairs_through_its_points():
    axes = plots.fronts({"MACs": FAMILIES}).axes[0]
    stairs = next(line for line in axes.lines if line.get_label() == "front")
    assert stairs.get_drawstyle() == "steps-post"
    assert list(zip(*stairs.get_data()))[:-1] == [(0.5, 40), (1, 50), (1.5, 55), (2, 60), (4, 70)]
    filled = {tuple(dots.get_offsets()[0]): dots.get_sizes()[0] for dots in axes.collections if len(dots.get_offsets())}
    assert {at for at, size in filled.items() if size == 60} == {(0.5, 40), (1, 50), (1.5, 55), (2, 60), (4, 70)}
