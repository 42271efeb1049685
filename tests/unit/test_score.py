"""One notion of a score: bits per byte and accuracy through measurement, history, training, figures and suites."""

import json
import math
import pickle

import jsonschema
import pytest
import torch
from torch import nn

from llcourse import (
    History,
    LocalNetwork,
    Recipe,
    Run,
    data,
    front,
    groups,
    measure,
    networks,
    paths,
    plots,
    reach,
    reproduce,
    results,
    train,
)
from llcourse.__main__ import main
from llcourse.checkpoint import CheckpointError
from llcourse.data import ACCURACY, BITS, Source, Text
from llcourse.objectives import InfoPro
from llcourse.progress import progress
from llcourse.reproduce import command, suites
from llcourse.reproduce.suites import Configuration, Suite

ADAMW = Recipe(batch=8, lr=3e-3, weight_decay=0.1, optimizer="adamw")
SCHEMA = json.loads((paths.root() / "results" / "run.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def text():
    """Bytes that can be learnt: each but a few is the one before plus one, of seven."""
    ramp = (torch.arange(2000) % 7 + 60).to(torch.uint8)
    ramp[::40] = 10
    return Text("ramp", ramp[:1600], ramp[1600:], Source("library", "a test", "ab" * 32, (1600, 400)), context=8)


def network(K=2, seed=0, R=None):
    torch.manual_seed(seed)
    body = [nn.Embedding(256, 8), *(nn.Linear(8, 8) for _ in range(K - 1))]
    return LocalNetwork(body, [nn.Linear(8, 256) for _ in body], R)


def rows(history):
    return [{**row, "seconds": 0} for row in history.rows]


def test_bits_per_byte_are_the_formula_in_float64():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 256, generator=generator, dtype=torch.float64)
    y = torch.randint(256, (3, 5), generator=generator)
    found = BITS(logits, y)
    assert found.shape == y.shape and found.dtype == torch.float64
    for b in range(3):
        for t in range(5):
            p = torch.exp(logits[b, t, y[b, t]]) / torch.exp(logits[b, t]).sum()
            assert found[b, t].item() == pytest.approx(-math.log2(p.item()), abs=1e-12)
    uniform = BITS(torch.zeros(2, 4, 256, dtype=torch.bfloat16), torch.zeros(2, 4, dtype=torch.long))
    assert uniform.dtype == torch.float32 and uniform.tolist() == [[8.0] * 4] * 2


def test_several_heads_stand_for_the_mean_of_their_probabilities():
    """A group's axis is one more than y has, of images and of a text."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(4, 6, 3, 256, generator=generator, dtype=torch.float64)
    y = torch.randint(256, (4, 6), generator=generator)
    p = logits.softmax(-1).mean(2).gather(-1, y[..., None])[..., 0]
    assert torch.allclose(BITS(logits, y), -p.log2(), atol=1e-12)
    images, labels = logits[:, 0], y[:, 0]
    assert torch.equal(ACCURACY(images, labels), 100.0 * (images.softmax(-1).mean(1).argmax(-1) == labels))
    assert torch.allclose(BITS(images, labels), -p[:, 0].log2(), atol=1e-12)


def test_measured_are_all_positions_of_the_unseen_windows(text):
    net = network()
    windows = (len(text.test_bytes) - 1) // 8
    x = text.test_bytes[:windows * 8].view(windows, 8).long()
    y = text.test_bytes[1:windows * 8 + 1].view(windows, 8).long()
    with torch.no_grad():
        expected = [BITS(logits.double(), y).mean().item() for logits in net.logits(x).values()]
    assert measure.score(net, text) == pytest.approx(expected, rel=1e-6)
    said = groups.score(net, text)
    assert said["depth 1"] == pytest.approx(expected[0], rel=1e-5)
    assert said["final head"] == pytest.approx(expected[1], rel=1e-5)
    assert set(said) == {"depth 1", "depth 1, group 1", "final head", "all depths"}


def test_a_text_is_learnt_and_its_score_is_in_the_history(text):
    history = train(net := network(), text, 6, recipe=ADAMW)
    assert history.score is BITS and history.last == history.column("bits per byte")[-1] < 3
    assert history.by_head == pytest.approx(measure.score(net, text)) and not history.standin
    assert set(history.rows[0]) == {"epoch", "phase", "loss", "bits per byte", "seconds"}
    assert f"test bits per byte by head {history.by_head[0]:.3f}" in repr(history)
    for ask in ("accuracy", "accuracies"):
        with pytest.raises(ValueError, match="no accuracy: its score is bits per byte; take history.last"):
            getattr(history, ask)
    assert measure.reach(net, text).matrix.tolist() == reach.local(2).tolist()
    assert measure.alignment(net, text)[-1] == pytest.approx(1)


def test_the_best_epoch_is_the_lowest_of_bits_and_the_highest_of_accuracies():
    values = [3.0, None, 2.0, 2.5]
    assert History([{"bits per byte": [9.0, v]} for v in values], score=BITS).best == 2
    assert History([{"accuracy": [9.0, v]} for v in values]).best == 3
    with pytest.raises(ValueError, match="never scored"):
        _ = History([{"accuracy": [None]}]).best
    assert pickle.loads(pickle.dumps(History(score=BITS))).score.name == "bits per byte"


def test_a_watch_may_not_take_the_scores_name(text):
    with pytest.raises(ValueError, match="has bits per byte already"):
        Run(network(), text, 1, watch={"bits per byte": lambda net, text: 0})


def test_the_progress_bar_says_bits(text, monkeypatch):
    said = []

    class Bar(type(progress(total=1))):
        def set_postfix_str(self, s="", refresh=True):
            said.append(s)

    monkeypatch.setattr("llcourse.training.progress", lambda total, initial, unit, slow, label: Bar(
        None, "", total=total, disable=True))
    history = train(network(), text, 1, recipe=ADAMW)
    assert said == [f"bits per byte {history.last:.3f}"]


@pytest.mark.parametrize("R", [None, reach.interlocking(3, 2)], ids=["local", "interlocking"])
def test_a_run_on_text_resumes_bit_for_bit(text, tmp_path, R):
    """AdamW's moments and step counts, and the places of every epoch's windows, are those of a run without a stop."""
    whole = Run(network(3, R=R), text, 4, recipe=ADAMW)
    expected, file = whole.fit(), tmp_path / "run.safetensors"
    first = Run(network(3, R=R), text, 4, recipe=ADAMW)

    def stop(net, text):
        if len(first.history.rows) == 2:
            raise KeyboardInterrupt

    first.watch = {"stop": stop}
    with pytest.raises(KeyboardInterrupt):
        first.fit(file)
    resumed = Run(network(3, seed=0, R=R), text, 4, recipe=ADAMW)
    for p in resumed.net.parameters():
        p.data.zero_()  # all comes out of the file
    resumed.load(file)
    assert len(resumed.history.rows) == 2 and resumed.history.score is BITS
    history = resumed.fit(file)
    assert [{**row, "stop": None} for row in rows(history)] == [{**row, "stop": None} for row in rows(expected)]
    ends, ended = whole.state(), resumed.state()
    assert any("exp_avg_sq" in name for name in ends) and ends.keys() == ended.keys()
    assert all(torch.equal(ends[name], ended[name]) for name in ends)


def test_a_checkpoint_of_another_text_is_refused(text, tmp_path):
    train(network(), text, 1, recipe=ADAMW, checkpoint=tmp_path / "run.safetensors")
    text.train_bytes[3] = 99
    with pytest.raises(CheckpointError, match="text: "):
        train(network(), text, 1, recipe=ADAMW, checkpoint=tmp_path / "run.safetensors")


def test_what_is_made_for_images_refuses_a_text(text):
    with pytest.raises(ValueError, match=r"what features show is measured on images.*Text\(ramp"):
        measure.probe(network(), text)
    net = networks.resnet(8, width=4).cut(2, "1c2f", objective=InfoPro())
    with pytest.raises(ValueError, match="shape"):
        Run(net, text, 1)


POINTS = {"good": (1, 2.0), "dear": (3, 2.5), "best": (2, 1.0), "cheap": (0.5, 4.0)}


def test_lower_is_better_on_a_front():
    assert front(POINTS, best=min) == ["cheap", "good", "best"]
    assert front(POINTS) == ["cheap"]
    assert front({"a": (1, 2), "b": (1, 2), "c": (1, 3)}, best=BITS.best) == ["a", "b"]
    for best in ("min", None, sum):
        with pytest.raises(ValueError, match="best is .*; it is max where a higher quality is better"):
            front(POINTS, best)


def test_figures_of_bits_say_so_and_draw_the_lower_front():
    figure = plots.fronts({"MACs": {name: [point] for name, point in POINTS.items()}}, BITS)
    (axes,) = figure.axes
    stairs = next(line for line in axes.lines if line.get_label() == "front")
    assert list(stairs.get_ydata())[:3] == [4.0, 2.0, 1.0] and axes.get_ylabel() == "test bits per byte"
    histories = {"a": History([{"bits per byte": [3.0, 2.0], "loss": [1.0, 2.0]}] * 2, score=BITS)}
    for draw, values in ((plots.curves, [2.0, 2.0]), (plots.by_module, [3.0, 2.0])):
        axes = draw(histories).axes[0]
        assert axes.get_ylabel() == "test bits per byte" and list(axes.lines[0].get_ydata()) == values
    assert plots.curves(histories, "loss").axes[0].get_ylabel() == "loss"
    assert plots.curves(histories, "loss", label="nats").axes[0].get_ylabel() == "nats"
    assert plots.fronts({"MACs": {"a": [(1, 2)]}}).axes[0].get_ylabel() == "test accuracy (%)"
    with pytest.raises(ValueError, match="one figure shows one score; these runs have bits per byte and accuracy"):
        plots.curves(histories | {"b": History([{"accuracy": [50.0]}])})


def test_values_for_people():
    assert (ACCURACY.label, BITS.label) == ("test accuracy (%)", "test bits per byte")
    assert (ACCURACY.text(66.123), BITS.text(2.34567), BITS.text(None)) == ("66.1 %", "2.346", "-")
    assert (ACCURACY.error(66.5), BITS.error(2.3)) == (33.5, 2.3)
    assert (ACCURACY.error_name, BITS.error_name) == ("error", "bits per byte")


@pytest.mark.parametrize("lr, begins", [(0.1, 0.01), (0.8, 0.01), (0.05, 0.01), (0.01, 0.001), (3e-4, 3e-5)])
def test_a_warm_up_begins_below_the_rate_it_leads_to(lr, begins):
    recipe = Recipe(lr=lr)
    assert recipe.warmup_lr == pytest.approx(begins) == recipe.lr_at(0, 4) and recipe.lr_at(1, 4) == lr
    rates = [recipe.lr_at(n / 10, 4) for n in range(11)]
    assert rates == sorted(rates)


def test_a_warm_up_that_leads_down_is_refused():
    with pytest.raises(ValueError, match="warmup_lr is 0.01 and lr is 0.001: a warm-up leads up"):
        Recipe(lr=0.001, warmup_lr=0.01)
    assert Recipe(lr=0.001, warmup_lr=0.001).lr_at(0, 2) == 0.001


TINY = Suite(
    "tiny", lambda: networks.gpt(2, 8, 2, context=8), ADAMW, 2,
    (Configuration("Backprop"), Configuration("Local", 2, "projection"), Configuration("Local", 2, "block")),
    "a test", text={"train": 1000, "test": 200, "context": 8})


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A suite on text that trains in this process in a second."""
    monkeypatch.setenv("LLCOURSE_RESULTS", str(tmp_path))
    monkeypatch.setitem(suites.SUITES, "tiny", TINY)
    monkeypatch.setattr(command, "_apart", lambda job, width, stop: command.execute(job))
    return tmp_path / "tiny"


def test_a_suite_on_text_is_recorded_and_shown(tiny, capsys):
    assert main(["reproduce", "tiny"]) == 0
    printed = capsys.readouterr().out
    made = {run["name"]: run for run in map(results.read, sorted(tiny.glob("*.json")))}
    assert set(made) == {"backprop", "local-k2-projection", "local-k2-block"}
    text = data.text(**TINY.text)
    for run in made.values():
        jsonschema.validate(run, SCHEMA)
        assert run["text"] == TINY.text and "images" not in run
        assert run["data"] == {"kind": "library", "sha256": text.source.sha256}
        assert run["error"] == run["history"][-1]["bits per byte"][-1]
        assert run["predictions"]["final head"] == pytest.approx(run["error"], abs=2e-4)
        assert run["versions"]["python"] in text.name
    table = reproduce.table("tiny")
    assert table.title == "tiny, 2 epochs: test bits per byte"
    assert [row["bits per byte"] for row in table.rows] == [run["error"] for run in (
        made["backprop"], made["local-k2-projection"], made["local-k2-block"])]
    assert table.rows[1]["gap"] == f"{made['local-k2-projection']['error'] - made['backprop']['error']:+.4f}"
    assert text.source.sha256[:8] in printed and "differs between" in printed
    histories = reproduce.histories("tiny")
    assert histories["Backprop"].last == made["backprop"]["error"] and histories["Backprop"].score is BITS
    assert plots.curves(histories).axes[0].get_ylabel() == "test bits per byte"
    said = reproduce.predictions("tiny", ["depth 1"])
    assert said.rows[1]["depth 1"] == made["local-k2-projection"]["predictions"]["depth 1"]
    assert "test bits per byte by prediction" in said.title


def test_nothing_is_recorded_on_a_text_of_ones_own(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
    (tmp_path / "text.txt").write_text("a line of text\n" * 1000)
    assert main(["reproduce", "tiny"]) == 1
    assert "the data folder holds another text" in capsys.readouterr().err and not tiny.exists()
