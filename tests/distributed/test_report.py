"""What workers say afterwards: bytes, times on one clock, the simulator fed with them."""

import json
import os
import time

import pytest
import torch

from llcourse import Recipe, borders, networks, objectives, plots, reach, train
from llcourse.distributed import Report, meeting, traffic

from .crew import crew

RECIPE = Recipe(batch=24, lr=0.05)


def network(R=None, between=None, width=4, **settings):
    torch.manual_seed(0)
    net = networks.resnet(8, width=width, classes=4, shape=(3, 16, 16)).cut(3, **settings)
    net.borders = [between(), between()] if between else []
    net.reach = reach.local(3) if R is None else R
    return net


INFOPRO = objectives.InfoPro(weights=((5, 0), (1, 2)), mean=[0.5] * 3, std=[0.2] * 3)
SENT = {
    "local": {}, "backprop": {"R": reach.backprop(3)}, "deep supervision": {"R": reach.deep_supervision(3)},
    "interlocking": {"R": reach.interlocking(3, 2)}, "images": {"objective": INFOPRO},
    "codes": {"between": lambda: borders.VectorQuantizer(256, 2)}, "half": {"between": borders.Half},
    "replay of bytes": {"between": lambda: borders.ReplayBuffer(2, codec=borders.Int8())},
}


@pytest.mark.parametrize("case", SENT)
def test_bytes_at_the_sockets_are_those_of_the_shapes(tmp_path, images, case):
    report = crew(tmp_path / "job", network(width=16, **SENT[case]), images, 1, recipe=Recipe(batch=36))
    for worker in report.workers[:2]:
        assert worker["bytes_predicted"] > 50_000
        assert worker["bytes_sent"] == pytest.approx(worker["bytes_predicted"], rel=0.02)
    received = [worker["bytes_received"] for worker in report.workers]
    assert sum(received) == pytest.approx(sum(worker["bytes_predicted"] for worker in report.workers), rel=0.02)


def test_predicted_bytes_are_counted_by_hand():
    net = network(R=reach.local(3), objective=INFOPRO)  # 4 x 16 x 16, 8 x 8 x 8, then 16 x 4 x 4
    sent = [[["features", 10, 4], 3], [["scored", 7, 4], 2], [["gradient", 10, 2], 5]]
    up, image = 4 * 4 * 16 * 16, 4 * 3 * 16 * 16
    first, second = (traffic.predicted(net, number, (3, 16, 16), sent) for number in range(2))
    assert first == 3 * 10 * (up + 8 + image) + 2 * 7 * up
    assert second == 3 * 10 * (up // 2 + 8) + 2 * 7 * up // 2 + 5 * 10 * 2 * up // 4
    net.borders = [borders.Int8()]
    assert traffic.predicted(net, 0, (3, 16, 16), sent[1:2]) == 2 * (7 * up // 4 + 8 * 4)


def test_low_precision_halves_them(tmp_path, images):
    whole, half = (crew(tmp_path / precision, network(), images, 1, recipe=Recipe(batch=24, precision=precision))
                   for precision in ("float32", "bfloat16"))
    of = [report.workers[0] for report in (whole, half)]
    assert of[1]["bytes_sent"] == pytest.approx(of[1]["bytes_predicted"], rel=0.02)
    assert of[1]["bytes_predicted"] == pytest.approx(of[0]["bytes_predicted"] / 2, rel=0.02)


@pytest.mark.parametrize("R", [reach.local(3), reach.backprop(3), reach.interlocking(3, 2)],
                         ids=["local", "backprop", "interlocking"])
def test_times_are_on_one_clock(tmp_path, images, R):
    report = crew(tmp_path / "job", network(R), images, 2, recipe=RECIPE)
    tasks = report.timeline()
    for step in range(6):
        forward = [[task for task in tasks if (task.worker, task.kind, task.batch) == (j, "forward", step)]
                   for j in range(3)]
        assert [len(of) for of in forward] == [1, 1, 1]
        assert forward[0][0].end <= forward[1][0].start and forward[1][0].end <= forward[2][0].start
    for j in range(3):
        own = [task for task in tasks if task.worker == j]
        assert all(a.end <= b.start for a, b in zip(own, own[1:]))  # one thing at a time
    plots.timeline({"measured": report.timeline(1, 3)}, K=3)


def test_the_report_is_there_as_json(tmp_path, images):
    report = crew(tmp_path / "job", network(reach.backprop(3)), images, 2, recipe=RECIPE)
    said = json.loads((tmp_path / "job" / "report.json").read_text())
    assert said["workers"] == report.workers and said["history"]["rows"] == report.history.rows
    assert [worker["worker"] for worker in said["workers"]] == [1, 2, 3]
    assert len({worker["pid"] for worker in said["workers"]}) == 3
    assert all(0 < share <= 1 for share in report.busy) and all(waited >= 0 for waited in report.waited)
    assert said["workers"][0]["queues"].keys() == {"above", "sums"} and said["failures"] == [] and said["lost"] == 0
    assert said["workers"][1]["staleness"] is None


def test_a_buffer_says_how_old_what_it_gave_was(tmp_path, images):
    net = network(between=lambda: borders.ReplayBuffer(2))
    report = crew(tmp_path / "job", net, images, 2, recipe=RECIPE)
    train(plain := network(between=lambda: borders.ReplayBuffer(2)), images, 2, recipe=RECIPE)
    assert [worker["staleness"] for worker in report.workers] == [None, 0.0, 0.0]
    assert plain.borders[0].slots.staleness == net.borders[0].slots.staleness


def test_pace(tmp_path, images):
    report = crew(tmp_path / "job", network(), images, 4, recipe=RECIPE)
    times = report.times()
    assert times.pop("latency") > 0
    assert all(len(values) == 3 and min(values) > 0 for values in times.values())
    pace = report.pace()
    assert pace["simulated"] == pytest.approx(max(map(sum, zip(
        times["forward"], times["vjp"], times["weight"], [3 * head for head in times["head"]]))))
    assert 0 < pace["simulated"] < 20 * pace["measured"] and pace["measured"] > 0


def test_no_pace_where_each_has_its_own(tmp_path, images):
    report = crew(tmp_path / "job", network(between=lambda: borders.ReplayBuffer(2)), images, 1, recipe=RECIPE,
                  schedule="asynchronous")
    with pytest.raises(ValueError, match="at their own pace"):
        report.pace()


def test_pace_of_known_times():
    """Backprop: 3 s forward there, 1 s on the way, 2 + 4 s here, 1 s back, 5 s there: 16 s, of which nothing overlaps.
    The first step of all, and one after the scores, took longer."""
    lower, upper = ({"events": [["score", 5, 80, 80]],
                     "wires": [["received", n, 16 * n + at, 16 * n + at + 1] for n in range(9)]} for at in (10, 3))
    for n in range(9):
        at, late = 16 * n, 16 * n - 7 * (n in (0, 5))
        lower["events"] += [["forward", n, late, at + 3], ["wait", n, at + 3, at + 11], ["pull", n, at + 11, at + 14],
                            ["step", n, at + 14, at + 16]]
        upper["events"] += [["wait", n, late, at + 4], ["forward", n, at + 4, at + 6], ["pull", n, at + 6, at + 9],
                            ["step", n, at + 9, at + 10]]
    report = Report(None, reach.backprop(2).tolist(), False, [lower, upper])
    assert report.times() == {"head": [0, 0], "forward": [3, 2], "vjp": [2.5, 2], "weight": [2.5, 2], "latency": 1}
    assert report.pace() == {"measured": 16, "simulated": 16}


def test_a_clock_that_goes_otherwise_is_set(tmp_path, images, monkeypatch):
    real, begin = time.monotonic, meeting.Meeting.__init__

    def shifted(self, store, number, *others):
        if number == 1:
            monkeypatch.setattr(time, "monotonic", lambda: real() + 3600)
        begin(self, store, number, *others)

    monkeypatch.setattr(meeting.Meeting, "__init__", shifted)
    monkeypatch.setattr(meeting, "clock", lambda: os.getpid())
    report = crew(tmp_path / "job", network(reach.backprop(3)), images, 1, recipe=RECIPE)
    began = [worker["began"] for worker in report.workers]
    assert max(began) - min(began) < 60
