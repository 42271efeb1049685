"""Panels, driven as a reader would drive them."""

import io
import re

import matplotlib.pyplot as plt
import pytest
import torch

from llcourse import cost, heads, networks, objectives, panels, reach, sequences
from llcourse.course.solutions.ch11 import queue_length

PANELS = {"reach": panels.reach, "timeline": panels.timeline, "heads": panels.heads, "cuts": panels.cuts,
          "ticks": panels.ticks, "messages": panels.messages, "pipeline": panels.pipeline,
          "groups": panels.groups, "context": panels.context, "readouts": panels.readouts, "queues": panels.queues}
STRIPS = {"reach": [{"method": "Chunked, 2 modules"}, {"method": "Deep supervision"}],
          "ticks": [{"S": 1}, {"S": 5}],
          "timeline": [{"method": "Backprop"}, {"method": "Chunked, 2 modules"}],
          "heads": [{"head": "mlp"}, {"head": "cnn"}], "cuts": [{"K": 2}, {"K": 16}],
          "messages": [{"Kc": 16}, {"Kc": 1024}],
          "pipeline": [{"pipeline": "GPipe"}, {"pipeline": "ZB-H1"}], "groups": [{"G": 1}, {"G": 8}],
          "context": [{"context": "R1E"}, {"context": "R0"}],
          "readouts": [{"head": "tied"}, {"head": "block"}], "queues": [{"M": 0}, {"M": 4}]}
panel_names = pytest.mark.parametrize("name", PANELS)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def tag(panel):
    """The attributes of the picture's HTML."""
    assert panel.image.value.startswith("<img ")
    return dict(re.findall(r'(\w+)="([^"]*)"', panel.image.value))


def test_a_panel_redraws_when_a_control_moves():
    panel = panels.reach()
    before = panel.png
    assert before.startswith(b"\x89PNG") and "losses computed: 1; borders detached: 0 of 3" in panel.text.value
    assert "losses computed: 4; borders detached: 3 of 3" in panel.set(method="Greedy, DGL, InfoPro, ContSup")
    assert panel.png != before
    assert "losses computed: 8; borders detached: 7 of 7" in panel.set(K=8)


@pytest.mark.parametrize("method", reach.METHODS)
def test_every_method_can_be_drawn(method):
    panel = panels.reach()
    for K in (1, 8):
        panel.set(method=method, K=K)


def test_the_stored_text_is_short_and_stable():
    assert repr(panels.reach()) == "Panel(method='Backprop', K=4)"


@panel_names
def test_a_strip_draws_each_setting_on_axes_of_its_own_under_one_legend(name):
    figure = PANELS[name]().strip(*STRIPS[name])
    assert len(figure.axes) == len(STRIPS[name])
    for axes in figure.axes:
        assert axes.has_data() and all(image.get_array().shape[0] <= 16 for image in axes.images)  # no photograph
    assert [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center") if axes.get_title(loc)] == [
        f"{setting} = {value}" for chosen in STRIPS[name] for setting, value in chosen.items()]
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert len(labels) == len(set(labels)) and bool(labels) == (name in ("timeline", "cuts", "ticks", "pipeline",
                                                                             "groups", "context", "queues"))


def test_a_strip_says_what_its_pictures_share_and_titles_them_by_what_differs():
    figure = panels.heads().strip({"head": "mlp", "C": 64}, {"head": "cnn", "C": 64})
    assert [axes.get_title() for axes in figure.axes] == ["head = mlp", "head = cnn"]
    assert figure.get_suptitle() == "C = 64, size = 16"


def test_strips_share_axes_where_they_compare():
    timelines = panels.timeline().strip({"method": "Backprop"}, {"method": "Deep supervision"})
    assert timelines.axes[0].get_xlim() == timelines.axes[1].get_xlim() == (0, 24)
    assert timelines.axes[0].get_position().y0 > timelines.axes[1].get_position().y1  # one below the other
    cuts = panels.cuts().strip({"K": 1}, {"K": 16})
    assert cuts.axes[0].get_ylim() == cuts.axes[1].get_ylim() and cuts.axes[0].get_ylim()[1] > 100
    bars = panels.heads().strip({"head": "mlp"}, {"head": "cnn"})
    assert bars.axes[0].get_xlim() == bars.axes[1].get_xlim()
    assert [label.get_text() for label in bars.axes[0].get_yticklabels()][0] == "residual block"
    assert bars.axes[0].yaxis_inverted()  # the first on top, however many share the axis


@panel_names
def test_a_picture_has_its_own_size_at_twice_the_pixels_and_fits_a_screen(name):
    panel = PANELS[name]()
    shown = [panel.settings]
    if "method" in panel.controls:
        shown += [{"method": "Neuron groups, G = 2", "K": 8}]
    for settings in shown:
        panel.set(**settings)
        height, width, _ = plt.imread(io.BytesIO(panel.png)).shape
        image = tag(panel)
        assert (2 * int(image["width"]), 2 * int(image["height"])) == (width, height)
        assert width <= 2 * 800 and height <= 2 * 400
        assert "max-width: 100%" in image["style"] and "height: auto" in image["style"]
        assert image["src"].startswith("data:image/png;base64,")


@panel_names
def test_a_picture_has_an_alternative_text(name):
    panel = PANELS[name]()
    alt = tag(panel)["alt"]
    assert panel.text.value in alt and all(f"{key} = {value}" in alt for key, value in panel.settings.items())


@panel_names
def test_controls_wrap_and_show_their_names_whole(name):
    panel = PANELS[name]()
    assert panel.children[0].layout.flex_flow == "row wrap"
    for setting, control in panel.controls.items():
        assert control.description == setting and control.style.description_width == "initial"
        assert control.layout.max_width == "100%"


def test_code_can_ask_for_a_text_and_leave_the_panel_where_it_is():
    panel = panels.reach()
    before = panel.settings, panel.text.value, panel.png
    assert "losses computed: 5; borders detached: 0 of 5" in panel.text_at(method="Overlapping, 2-wide", K=6)
    assert "losses computed: 1; borders detached: 0 of 7" in panel.text_at(K=8)  # the rest as it stands
    panel.strip({"K": 2}, {"K": 3})
    assert (panel.settings, panel.text.value, panel.png) == before
    with pytest.raises(TypeError):
        panel.text_at(k=8)


def test_a_panel_leaves_no_figure_open():
    panels.reach().set(K=3)
    assert not plt.get_fignums()


def test_a_column_is_named_as_the_method_says():
    figure = panels.reach().strip({"method": "Backprop"}, {"method": "Neuron groups, G = 2"})
    assert [axes.get_xlabel() for axes in figure.axes] == ["module", "cell: K modules x G groups"]


def test_cuts_shows_the_largest_worker_and_what_the_heads_cost():
    panel = panels.cuts()
    assert "largest worker 20.19 MMAC, 29.2 %" in panel.text.value and "borders after 1.2, 2.1, 3.0" in panel.text.value
    before = panel.png
    assert "largest worker 7.09 MMAC, 10.3 %" in panel.set(K=16) and "heads add 32.6 %" in panel.text.value
    assert panel.png != before
    assert "largest worker 4.72 MMAC, 6.8 %" in panel.set(head="linear")


def test_one_module_is_the_whole_network_without_a_border():
    text = panels.cuts().set(K=1)
    assert "100.0 % of all; heads add 0.0 %; borders after no block" in text


def test_cuts_draws_no_random_numbers():
    before = torch.random.get_rng_state()
    panels.cuts().set(K=7, head="mlp")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_timeline_says_how_often_and_how_busy():
    panel = panels.timeline()
    before = panel.png
    assert "every 12 units of time; the workers are busy 25 %" in panel.text.value
    assert "every 24 units of time; the workers are busy 12.5 %" in panel.set(K=8)
    assert "every 6 units of time; the workers are busy 50 %" in panel.set(method="Chunked, 2 modules")
    assert "every 3 units of time; the workers are busy 100 %" in panel.set(method="Greedy, DGL, InfoPro, ContSup")
    assert panel.png != before


def test_the_timeline_has_every_method():
    panel = panels.timeline()
    for method in reach.METHODS:
        for K in (1, 8):
            assert "batch every" in panel.set(method=method, K=K)


def test_ticks_say_how_stale_and_how_varied_what_modules_read_is():
    panel = panels.ticks()
    counts = {S: panel.text_at(slow=3, S=S).rpartition(": ")[2].split(", ") for S in (1, 5)}
    assert counts[5][0] == "1000" and int(counts[5][2]) <= 200 and int(counts[5][3]) <= 200 < int(counts[1][3])
    assert panel.text_at(S=1, M=1).startswith("over 1,000 rounds: mean staleness at modules 2 to 4: 0.0, 0.0, 0.0")


def test_a_queue_hides_that_a_worker_is_slow_by_turns_and_not_that_it_is_slow():
    panel = panels.queues()
    produce = {"even": [1.0] * 24, "by turns": ([0.5] * 5 + [3.5]) * 4, "slow": [1.25] * 24}
    least = {pace: queue_length(produce[pace], [1.0] * 24) for pace in produce}
    assert least == {"even": 0, "by turns": 3, "slow": 0}
    for pace in produce:
        for M in (0, 1, 2, 3, 4, 8):
            taken, endless = re.findall(r"(?:take|end) ([\d.]+)", panel.text_at(M=M, pace=pace))
            assert (taken == endless) == (M >= least[pace])
    assert panel.text_at(pace="slow", M=8) == "24 batches take 31; with a queue without an end 31"


def test_the_head_panel_counts_what_the_head_is_made_of():
    panel = panels.heads()
    assert "mlp on 32 x 16 x 16: 50,432 MACs, 51,210 parameters" in panel.text.value
    panel.set(head="cnn", C=16, size=32)
    assert "(a residual block: 4,718,592 and 4,672)" in panel.text.value
    assert "12,615,690 parameters" in panel.set(head="mlp", C=512, size=8)  # 48 C^2 and the small rest
    drawn = panel.png
    panel.set(head="linear")
    assert panel.png != drawn


@pytest.mark.parametrize("head", heads.HEADS)
def test_every_head_can_be_drawn_at_every_size(head):
    panel = panels.heads()
    for size in (4, 32):
        assert f"{head} on 512 x {size} x {size}" in panel.set(head=head, C=512, size=size)


def test_a_readout_is_weighed_against_the_block_that_it_trains():
    panel = panels.readouts()
    assert panel.text.value == (
        "projection, 256 bytes or tokens, width 64: 16,384 MACs a position, 16,512 parameters (a block: 65,536 and "
        "49,408); a training step costs 25 % of that of the block")
    assert "65,536 MACs a position, 0 parameters" in panel.set(head="readout", vocabulary=1024)
    assert panel.text.value.endswith("67 % of that of the block")  # forward and back, and no weight gradient
    assert "81,920 MACs a position, 65,920 parameters" in panel.set(head="block", vocabulary=256)
    drawn = panel.png
    assert "128 parameters" in panel.set(head="tied") and panel.png != drawn


@pytest.mark.parametrize("head", sequences.HEADS)
def test_every_readout_can_be_drawn_at_every_size(head):
    panel = panels.readouts()
    for width in panel.controls["width"].options:
        for vocabulary in panel.controls["vocabulary"].options:
            assert f"{head}, {vocabulary:,} bytes or tokens, width {width}:" in panel.text_at(
                head=head, width=width, vocabulary=vocabulary)


def test_a_message_is_weighed_and_its_encoding_counted():
    panel = panels.messages()
    before = panel.png
    assert ("4,096 bytes an image, 16 times fewer; 16,384 of codebook a batch; encoding: 88.9 % of the MACs of a "
            "residual block" == panel.text.value)
    assert ("1,024 bytes an image, 64 times fewer; 1,024 of codebook a batch; encoding: 5.6 %"
            in panel.set(Kc=16, D=8)) and panel.png != before
    assert "22.2 %" in panel.text_at(Kc=256, features="64 x 8 x 8")  # wider blocks cost more, codes do not


def test_every_message_can_be_drawn():
    panel = panels.messages()
    for features in panel.controls["features"].options:
        for Kc, D in ((2, 1), (1024, 16)):
            assert "times fewer" in panel.set(Kc=Kc, D=D, features=features)


def test_the_pipeline_panel_says_what_formulas_say():
    panel = panels.pipeline()
    assert "every 4.12 units of time, the workers idle 27.3 % of it" in panel.text.value  # 3 x 11 / 8, 3 / 11
    assert "kept by workers 1 to 4: 4, 3, 2, 1" in panel.text.value
    assert "every 3 units of time, the workers idle 0 %" in panel.set(N=1)
    assert "kept by workers 1 to 4: 1, 1, 1, 1" in panel.text.value
    assert panel.text_at(N=8) == panel.text_at(N=4)  # no window is wider than the network


@pytest.mark.parametrize("K, G, share, head", [(1, 1, 1, "1c2f"), (8, 1, 1, "mlp"), (4, 2, 0.5, "1c2f"),
                                               (8, 8, 1, "linear"), (2, 4, 0, "cnn"), (1, 8, 0.5, "mlp-sr")])
def test_a_grid_counted_part_by_part_is_what_the_network_costs(K, G, share, head):
    with torch.device("meta"):
        whole = networks.resnet(20)
        counted = cost.modules(whole.cut(K, head=head, groups=G, share=share), whole.shape)
    assert networks.grid(K, G, head, share) == [(body.macs, of_head.macs) for body, of_head in counted]


def test_groups_show_the_largest_worker_and_what_all_compute():
    panel = panels.groups()
    assert panel.text.value == ("4 x 4 cells and a final head, in all 114 % of the network in one piece;\n"
                                "largest worker, module 4: 1.03 + 2.37 = 3.40 MMAC, 1 / 12.0 of it")
    before = panel.png
    assert "largest worker, final head: 0.00 + 2.37" in panel.set(share=0) and panel.png != before
    assert panel.text_at(G=1, share=0) == panel.text_at(G=1, share=1)  # nobody to see
    assert panel.text_at(K=1, G=1) == ("1 x 1 cells, in all 100 % of the network in one piece;\n"
                                       "largest worker, module 1: 40.81 + 0.00 = 40.81 MMAC, 1 / 1.0 of it")


def test_groups_draw_a_rectangle_a_worker_as_wide_as_its_work_and_frame_the_largest():
    axes, = panels.groups().strip({"K": 2, "G": 4}).axes
    module, head = axes.containers
    rows = networks.grid(2, 4)
    assert len(module) == len(head) == 9  # 2 x 4 cells and the final head
    for row, (bodies, of_heads) in enumerate(rows):
        cells = [n for n, bar in enumerate(module) if round(bar.get_y() + bar.get_height() / 2) == row]
        for part, macs in ((module, bodies), (head, of_heads)):
            assert sum(part[n].get_width() for n in cells) == pytest.approx(macs / 1e6)
        ends = [head[n].get_x() + head[n].get_width() for n in cells]
        assert [module[n].get_x() for n in cells] == pytest.approx([0, *ends[:-1]])  # side by side
    frame, = [patch for patch in axes.patches if not patch.get_fill()]
    assert frame.get_y() == 0.6 and frame.get_width() == pytest.approx(sum(rows[1]) / 4e6)
    assert [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"] == ["4 x 4.22"]


def test_groups_draw_no_random_numbers():
    networks.grid.__globals__["_blocks"].cache_clear()
    before = torch.random.get_rng_state()
    panels.groups().set(K=8, G=2, head="mlp")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("K, context, decoder", [(2, "R0", None), (4, "R1", "own"), (16, "R1E", None), (8, "e", "full"),
                                                 (4, "R2e", None)])
def test_a_ledger_counted_part_by_part_is_what_the_network_costs(K, context, decoder):
    with torch.device("meta"):
        whole = networks.resnet(20 if K < 16 else 32, width=4)
        infopro = objectives.InfoPro(weights=((1, 1), (1, 1)), decoder=decoder or "full")
        net = whole.cut(K, context=context, objective=infopro if decoder else "cross-entropy")
        rows = cost.modules(net, whole.shape)
    parts = networks.ledger(K, context, decoder, depth=20 if K < 16 else 32, width=4)

    def summed(j, *kinds):
        return sum(part.macs for part in parts if part.module == j and part.kind in kinds)

    for j, (body, head) in enumerate(rows, start=1):
        assert summed(j, "module", "encoder", "shortcut") == body.macs
        assert summed(j, "head" if j < K else "classifier") == head.macs
        assert summed(j, "decoder") == getattr(net.objectives[j - 1], "macs", 0)
    assert 3 * sum(part.macs for part in parts) == cost.training_macs(net, whole.shape)
    assert sum(part.macs for part in parts if part.stays) == sum(body.macs for body, _ in rows) + rows[-1][1].macs
    assert all(part.macs for part in parts) and [part.module for part in parts] == sorted(p.module for p in parts)


def test_supplies_are_encoders_and_shortcuts_of_the_modules_that_they_feed():
    supplies = [part[:2] for part in networks.ledger(4, "R1E") if part.kind in ("encoder", "shortcut")]
    assert supplies == [("encoder", 2), ("encoder", 3), ("shortcut", 3), ("encoder", 4), ("shortcut", 4)]
    assert [part[:2] for part in networks.ledger(4, "R1") if part.kind == "shortcut"] == [
        ("shortcut", 2), ("shortcut", 3), ("shortcut", 4)]  # the first one's source is the image
    with pytest.raises(ValueError, match="decoder is 'x'"):
        networks.ledger(4, decoder="x")


def test_context_shows_who_pays_when():
    panel = panels.context()
    assert panel.text.value == ("training computes 1.26 times what backprop does, inference 1.19 times;\nheads and "
                                "decoders, 4.7 + 0.0 MMAC, vanish; encoders and shortcuts, 13.4, stay")
    before = panel.png
    assert panel.set(context="R0", decoder="full") == (
        "training computes 1.26 times what backprop does, inference 1.00 times;\nheads and decoders, 4.7 + 13.4 MMAC, "
        "vanish; encoders and shortcuts, 0.0, stay") and panel.png != before  # a decoder is an encoder turned round
    assert "inference 1.95 times" in panel.text_at(K=16, context="R1E", decoder="none")
    assert "training computes 1.33 times what backprop does, inference 1.00 times" in panel.text_at(
        K=16, context="R0", decoder="none")


def test_context_draws_what_stays_then_what_vanishes_and_cuts_nothing_off():
    both = {"K": 4, "context": "R1E", "decoder": "full"}
    first, second = panels.context().strip(both, {"K": 4, "context": "R0"}).axes
    parts = {bars.get_label(): [bar.get_width() for bar in bars] for bars in first.containers}
    assert list(parts) == ["module", "encoder, shortcut", "head", "decoder"]
    ledger = networks.ledger(4, "R1E", "full")
    for j in range(4):
        own = [part for part in ledger if part.module == j + 1]
        assert sum(widths[j] for widths in parts.values()) == pytest.approx(sum(part.macs for part in own) / 1e6)
        assert parts["decoder"][j] == pytest.approx(sum(p.macs for p in own if p.kind == "decoder") / 1e6)
        at = [bars[j] for bars in first.containers]
        assert [bar.get_x() for bar in at] == pytest.approx([sum(bar.get_width() for bar in at[:n]) for n in range(4)])
        stays = sum(part.macs for part in own if part.stays) / 1e6
        assert first.texts[j].get_text().startswith(f"{stays:.1f} + ")
    assert [bars.get_label() for bars in second.containers] == ["module", "head"]  # what there is none of has no entry
    narrow = panels.context().strip({"K": 16}, {"K": 16, "context": "R0"}).axes[0]
    assert [text.get_text() for text in narrow.texts] == ["6.8 + 1.2", "8.6 + 1.2", "12.1 + 2.4"]  # of modules 2, 8, 13
    assert [label.get_text() for label in narrow.get_yticklabels()][:3] == ["1", "3", "5"]
    no_head_on_the_longest, = panels.context().strip({"context": "E"}).axes
    for axes in (first, second, narrow, no_head_on_the_longest):
        longest = max(bar.get_x() + bar.get_width() for bars in axes.containers for bar in bars)
        assert axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > 1.1 * longest
    assert [text.get_text() for text in first.texts if text.get_fontweight() == "bold"] == ["22.2 + 9.8"]


def test_every_context_can_be_drawn_and_draws_no_random_numbers():
    before, panel = torch.random.get_rng_state(), panels.context()
    for context in panel.controls["context"].options:
        for decoder in panel.controls["decoder"].options:
            panel.text_at(K=16, context=context, decoder=decoder)
        panel.set(context=context)
    assert torch.equal(torch.random.get_rng_state(), before)
