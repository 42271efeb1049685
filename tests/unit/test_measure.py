"""Saved bytes against a hand count, accuracy against a hand count, times against a clock, and what measuring must not
change."""

import time

import pytest
import torch

from llcourse import LocalNetwork, bench, measure, networks, reach, timeline


def test_saved_bytes_of_a_network_counted_by_hand():
    body = [torch.nn.Sequential(torch.nn.Linear(4, 8, bias=False), torch.nn.ReLU())]
    net = LocalNetwork(body, [torch.nn.Linear(8, 3, bias=False)])
    x, y = torch.randn(5, 4), torch.zeros(5, dtype=torch.long)
    # the input, the ReLU's output (kept by the ReLU and the next layer, counted once), the log-probabilities, the
    # targets, and the loss's total weight, one float
    assert measure.saved_bytes(net, x, y) == 4 * (5 * 4 + 5 * 8 + 5 * 3 + 1) + 8 * 5


def test_a_freed_graph_leaves_nothing():
    net = networks.resnet(8, width=4).cut(4)
    with measure.SavedBytes(net) as meter:
        net.backward(torch.randn(2, 3, 32, 32), torch.tensor([1, 2]))
    assert meter.now == 0 and meter.peak > 0


def test_accuracy_is_counted_in_eval_mode_and_modes_come_back(images):
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2)
    net.body[0].eval()
    found = measure.score(net, images, heads=[1])
    assert net.training and not net.body[0].training and net.body[1].training
    net.eval()
    x = images.normalize(images.test_x)
    assert found[1] == 100 * (net(x).argmax(1) == images.test_y).float().mean().item() and found[0] is None


def test_bench_leaves_out_what_a_shallow_network_cannot_be_cut_into():
    assert {row["K"] for row in bench.step_rows(depth=8, batch=2, rounds=1)} == {1, 4}


def test_bench_rows_have_the_promised_keys():
    rows = bench.step_rows(batch=2, rounds=1)
    assert set(rows[0]) == {"method", "K", "G", "head", "step", "ratio", "floor", "exact", "saved_mb", "images_per_s"}
    assert rows[0]["ratio"] == 1 and {(r["method"], r["K"], r["head"]) for r in rows} >= {
        ("DGL", 4, "1c2f"), ("DGL", 16, "1c2f"), ("DGL", 16, "linear")}


def test_the_bench_prints_a_line_a_row_as_wide_as_a_page():
    row = {"method": "Interlocking, 2-wise", "K": 16, "G": 1, "head": "linear", "step": "compiled and captured",
           "ratio": 1.234, "floor": 1.5, "exact": 1.25, "saved_mb": 1234.5, "images_per_s": 123456.7}
    head, line = str(bench.table([row])).splitlines()
    assert head.split() == ["method", "K", "G", "head", "step", "ratio", "floor", "exact", "kept", "MiB", "images/s"]
    assert line.split()[-5:] == ["1.23", "1.50", "1.25", "1,234", "123,457"] and len(line) <= 100
    assert str(bench.table([row], "title")).startswith("title\nmethod")


@pytest.mark.parametrize("R", [reach.local(4), reach.interlocking(4, 2), reach.backprop(4)], ids=str)
def test_simulated_workers_are_busy_for_as_long_as_a_step_takes(R):
    """The sum over the workers against a step that nobody looks into, within 10 %. Another process may get in between
    the two, so one of six tries has to do: a part left out would be missing in all."""
    torch.manual_seed(0)
    net = networks.resnet(8, width=8).cut(4, "1c2f", R)
    batch, ratios = (torch.randn(64, 3, 32, 32), torch.randint(10, (64,))), []
    for _ in range(6):
        times, steps = measure.module_times(net, batch, rounds=5), []
        for _ in range(5):
            began = time.perf_counter()
            net.backward(*batch)
            steps.append(time.perf_counter() - began)
        busy = sum(task.end - task.start for task in timeline.simulate(R, 1, **times))
        ratios.append(busy / sorted(steps)[2])
        if abs(ratios[-1] - 1) < 0.1:
            return
    pytest.fail(f"simulated over measured: {ratios}")
