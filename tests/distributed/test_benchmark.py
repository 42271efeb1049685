"""The benchmark of workers: what its figures mean, and that rivals compute what they are said to."""

import threading

import pytest
import torch
import torch.nn.functional as F

from llcourse import Recipe, networks, reach
from llcourse.distributed import Report, benchmark, prepare, rivals
from llcourse.distributed.benchmark import ROWS, SKIPPED

RECIPE = Recipe(batch=8, lr=0.05, augment=False)


def events(*starts, wait=0.0, pack=0.0, step=0.0):
    """Of a worker whose batches start then."""
    found = []
    for n, start in enumerate(starts):
        ends = [start, start + wait, start + wait + pack, start + wait + pack + step]
        found += [[kind, n, a, b] for kind, a, b in zip(("wait", "pack", "step"), ends, ends[1:])]
    return found


def test_figures_of_known_times():
    """Two batches count. Worker 1 is ahead at first; worker 2 takes 10 s a batch, 4 of them waiting."""
    n = 2 * SKIPPED + 2
    workers = [{"events": events(*(8 * k for k in range(n)), pack=1, step=7), "wires": [], "memory": 1},
               {"events": events(*(10 * k for k in range(n)), wait=4, step=6), "memory": 2,
                "wires": [["received", k, 10 * k + 1, 10 * k + 2] for k in range(n)]
                + [["received", k, 10 * k + 1.5, 10 * k + 3] for k in range(n)]
                + [["sent", k, 10 * k, 10 * k + 10] for k in range(n)]}]
    found = benchmark.figures(workers, steps=2)
    assert found == {"seconds": 10, "busy": [0.8, 0.6], "transport": [0.1, 0.2], "memory": [1, 2]}


def test_a_wire_costs_only_who_waits():
    n = 2 * SKIPPED + 1
    worker = {"events": events(*(10 * k for k in range(n)), wait=4, step=6), "memory": 0,
              "wires": [["received", k, 10 * k + 5, 10 * k + 9] for k in range(n)]}
    assert benchmark.figures([worker], steps=1)["transport"] == [0.0]


def plain(net, images, micro):
    """Losses of backprop by hand, in micro-batches."""
    optimizer = torch.optim.SGD([*net.body.parameters(), *net.heads[-1].parameters()], RECIPE.lr, RECIPE.momentum,
                                nesterov=True, weight_decay=RECIPE.weight_decay)
    for x, y in images.batches(RECIPE.batch, torch.Generator().manual_seed(0), augment=False):
        optimizer.zero_grad()
        losses = [F.cross_entropy(net.heads[-1](net.body[1](net.body[0](a))), b) / micro
                  for a, b in zip(x.chunk(micro), y.chunk(micro))]
        sum(losses).backward()
        optimizer.step()
        yield sum(losses).item()


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2)
    net.reach = reach.backprop(2)
    return net


@pytest.mark.parametrize("name, processes, micro", [
    ("one process", 1, 1), ("GPipe", 2, rivals.MICRO), ("1F1B", 2, rivals.MICRO)])
def test_rivals_are_backprop(tmp_path, net, images, name, processes, micro):
    prepare(tmp_path / "job", net, images, 1, recipe=RECIPE)
    *_, last = rivals.run(tmp_path / "job", name, processes)
    expected = list(plain(net, images, micro))
    assert len(expected) == 9
    torch.testing.assert_close(last["losses"], expected, rtol=2e-4, atol=2e-4)
    kinds = {kind for kind, *_ in last["events"]}
    assert kinds == ({"load", "step"} if processes == 1 else {"load", "forward", "backward", "step"})


def test_a_rival_that_fails_says_why(tmp_path, net, images):
    prepare(tmp_path / "job", net, images, 1, recipe=RECIPE)
    with pytest.raises(RuntimeError, match="KeyError: 'ZB'"):
        rivals.run(tmp_path / "job", "ZB", 2)


def test_every_row_is_measured(monkeypatch):
    monkeypatch.setattr(benchmark, "halves", lambda *_: (networks.resnet(8, width=4).cut(2), "2.1"))  # its own test
    threads, running = torch.get_num_threads(), threading.active_count()
    rows = benchmark.rows(depth=8, batch=8, rounds=1, steps=2)
    assert [(row["name"], row["processes"], row["threads"]) for row in rows] == [
        (row.name, row.processes, row.threads) for row in ROWS]
    for row, made in zip(rows, ROWS):
        assert row["seconds"] > 0 and all(0 < share <= 1.001 for share in row["busy"])
        assert len(row["busy"]) == len(row["memory"]) == made.processes and min(row["memory"]) > 2**20
        assert (row["transport"] is None) == (made.rival is not None)
        assert (row["simulated"] is None) == (made.processes == 1)
    assert rows[0]["over_thread"] == rows[5]["over_1f1b"] == 1
    assert rows[3]["over_thread"] == pytest.approx(rows[0]["seconds"] / rows[3]["seconds"])
    assert "decoupled workers      2 x 1" in str(benchmark.table(rows)) and torch.get_num_threads() == threads
    assert threading.active_count() == running


@pytest.mark.parametrize("first, second, border", [
    ([1, 2, 3], [3, 2, 1], 1), ([3, 4, 5], [2, 1, 0], 0), ([1, 2, 3], [9, 8, 7], 2), ([1, 2, 9], [9, 3, 1], 1),
    ([1, 4, 90], [9, 6, 60], 1)])  # the last of another speed of the machine
def test_halves_take_the_same_time(monkeypatch, images, first, second, border):
    """first, second: seconds of the two workers' work, by cuts from below."""
    def launched(net, *_, **settings):
        n = len(net.body[0]) - 1
        longer = max(first[n], second[n])
        return Report(None, None, False, [
            {"events": events(*(longer * k for k in range(2 + 2 * SKIPPED)), step=work), "wires": [], "memory": 0}
            for work in (first[n], second[n])])

    monkeypatch.setattr(benchmark, "launch", launched)
    net, name = benchmark.halves(8, images, RECIPE, steps=2)
    assert name == networks.resnet(8).block_names[border] and len(net.body[0]) == border + 1


@pytest.mark.parametrize("name, value", [("batch", 10), ("batch", 4), ("rounds", 0), ("steps", 0)])
def test_what_cannot_be_measured_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*{value}"):
        benchmark.rows(**{"depth": 8, name: value})
