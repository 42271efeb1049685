"""What workers have saved they go on from; what they had not saved they do again."""

import os
import signal
import time

import pytest
import torch

from llcourse import Recipe, borders, networks, reach, schedules, train
from llcourse.distributed import collect, prepare, saving

from .crew import crew, figures, fork, run, same

RECIPE = Recipe(batch=8, lr=0.05)


def codes():
    """Codes of which many are drawn anew at every batch."""
    return borders.VectorQuantizer(8, 2, revive=0.9)


def kept_codes():
    return borders.ReplayBuffer(2, codec=codes())


def network(between=None, R=None):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(3)
    net.borders = [between(), between()] if between else []
    net.reach = reach.local(3) if R is None else R
    return net


def end_all(children, how):
    for child in children:
        os.kill(child, how)
    return [os.waitpid(child, 0) for child in children]


CASES = {"local": (None, None), "backprop": (None, reach.backprop(3)), "codes": (kept_codes, None),
         "codes at hand": (codes, None)}


@pytest.mark.parametrize("case", CASES)
def test_a_killed_job_goes_on_to_the_same_end(tmp_path, images, case):
    plain, split = network(*CASES[case]), network(*CASES[case])
    expected = train(plain, images, 3, recipe=RECIPE)
    folder = prepare(tmp_path / "job", split, images, 3, recipe=RECIPE, save_every=5)
    children = [fork(folder, number, 3) for number in range(3)]
    while not saving.steps(folder, 2) or saving.steps(folder, 2)[0] < 10:  # 9 steps an epoch: within the second
        time.sleep(0.01)
    end_all(children, signal.SIGKILL)
    assert run(folder, 3, attempt=1) == [0, 0, 0]
    report = collect(folder, split)
    assert figures(report.history) == figures(expected) and same(plain, split)
    assert 0 <= report.lost <= 5
    assert max(len(saving.steps(folder, j)) for j in range(3)) <= 2


def test_a_finished_job_is_not_done_again(tmp_path, images):
    net = network()
    first = crew(tmp_path / "job", net, images, 1, recipe=RECIPE)
    again = network().eval()
    second = crew(tmp_path / "job", again, images, 1, recipe=RECIPE)
    assert same(net, again) and again.training and first.history == second.history
    assert [worker["spent"].get("forward") for worker in second.workers] == [None] * 3


def test_another_job_in_the_folder_is_refused(tmp_path, images):
    prepare(tmp_path / "job", network(), images, 1, recipe=RECIPE)
    with pytest.raises(ValueError, match="holds another job"):
        prepare(tmp_path / "job", network(), images, 2, recipe=RECIPE)


@pytest.mark.parametrize("slowdown", [(), (1, 1.5, 3)], ids=["alike", "slow ones"])
def test_at_their_own_pace_they_go_on_in_the_same_epoch(tmp_path, images, slowdown):
    net = network(lambda: borders.ReplayBuffer(2))
    settings = {"recipe": RECIPE, "schedule": schedules.Asynchronous(slowdown), "save_every": 4}
    folder = prepare(tmp_path / "job", net, images, 3, **settings)
    children = [fork(folder, number, 3) for number in range(3)]
    while min(max(saving.steps(folder, number), default=0) for number in range(3)) < 12:  # 9 batches an epoch
        time.sleep(0.01)
    end_all(children, signal.SIGKILL)
    common = set.intersection(*(set(saving.whole(folder, number)) for number in range(3)))
    assert common and max(common) >= 12
    assert run(folder, 3, attempt=1) == [0, 0, 0]
    report = collect(folder, net)
    assert [worker["steps"] for worker in report.workers] == [27, *((27, 27) if not slowdown else (18, 9))]
    assert len(report.history.rows) == 3
