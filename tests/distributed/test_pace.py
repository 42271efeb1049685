"""Asynchronous workers: each at its own pace, none held up by another."""

import pytest
import torch

from llcourse import Recipe, borders, networks, schedules

from .crew import crew

RECIPE = Recipe(batch=8, lr=0.05)


def network(**settings):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(3)
    net.borders = [borders.ReplayBuffer(3, **settings) for _ in range(2)]
    return net


@pytest.mark.parametrize("settings", [{}, {"reuse": 1}, {"codec": borders.Int8()}], ids=["plain", "reuse 1", "bytes"])
def test_each_takes_all_its_turns(tmp_path, images, settings):
    net = network(**settings)
    report = crew(tmp_path / "job", net, images, 2, recipe=RECIPE, schedule="asynchronous")
    assert [worker["steps"] for worker in report.workers][0] == 18
    assert all(p.isfinite().all() for p in net.parameters())
    assert [len(row["loss"]) for row in report.history.rows] == [3, 3]


def test_a_slow_reader_holds_nobody_up(tmp_path, images):
    net = network()
    report = crew(tmp_path / "job", net, images, 2, recipe=RECIPE, ahead=1,
                  schedule=schedules.Asynchronous((1, 1, 6)))
    assert [worker["steps"] for worker in report.workers] == [18, 18, 4]
    assert net.borders[1].slots.written + report.workers[1]["overwritten"] == 18
