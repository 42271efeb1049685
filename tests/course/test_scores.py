"""The scores that checks tell behind PASS, and what they rest on."""

import pytest
import torch
from torch import nn

from llcourse import data, heads, networks
from llcourse.course import checks, exercises, solutions
from llcourse.course.exercises import clocks, cutting, trial, watch
from llcourse.data import Source
from llcourse.memory import SavedBytes
from tests.course.wrong_answers.ch00 import cut_all, sealed


def cut_once(model, x, y):
    """Right, and each output is cut once, not once a reader."""
    known = {}
    return sealed(model, x, y, lambda k, h: known.setdefault(k, h.detach()) if k not in known else known[k])


def under_no_grad(model, x, y):
    def copied(k, h):
        with torch.no_grad():
            return h.clone()
    return sealed(model, x, y, copied)


def into_a_buffer(model, x, y):
    def copied(k, h):
        with torch.no_grad():
            return torch.empty_like(h).copy_(h)
    return sealed(model, x, y, copied)


def assigned(model, x, y):
    def copied(k, h):
        with torch.no_grad():
            buffer = h.new_empty(h.shape)
            buffer[:] = h
        return buffer
    return sealed(model, x, y, copied)


@pytest.mark.parametrize("id, answer, score", [
    ("0.4", lambda *given: sealed(*given, cut_all), "score: 9 cuts"), ("0.4", under_no_grad, "score: 9 cuts"),
    ("0.4", lambda *given: sealed(*given, lambda k, h: h.data), "score: 9 cuts"), ("0.4", cut_once, "score: 4 cuts"),
    ("0.4", None, "score: 3 cuts (fewer is better; the best known is 3"),
    ("1.4", None, "foresight 6 in 7 units (more is better; the best known is 6)"),
    ("0.4", into_a_buffer, "score: 9 cuts"), ("0.4", assigned, "score: 9 cuts"),
    ("3.2", lambda n, K, worker: {16: [3, 6, 11], 10: [2, 6]}[n], "34.3 % of ResNet-32 and 46.6 % of ResNet-20"),
    ("4.3", (4, [6, 3, 2]), "score: 55.0 %"), ("4.3", None, "score: 55.2 % (more is better; the best is 55.2)"),
    ("3.2", None, "34.3 % of ResNet-32 and 43.7 % of ResNet-20 (less is better; the best are 34.3 and 43.7)"),
    ("5.3", None, "37.5 % in 128 KiB and 30.4 % in 192 KiB (less is better; the best, by search over all settings, are "
     "37.5 and 30.4)"),
    ("5.3", lambda borders, room: [(128, 16), (128, 16), (64, 4)], "37.5 % in 128 KiB and 37.5 % in 192 KiB"),
])
def test_a_score_is_told(id, answer, score):
    said = checks.verdict(exercises.find(id), answer or solutions.solution(id))
    assert said.startswith("PASS, your score") and score in said


def test_no_plan_of_buffers_is_better_than_the_best():
    score, sizes = clocks.best()
    assert f"{score:.1f}" == "55.2" and sizes == tuple(solutions.solution("4.3")[1])


@pytest.mark.parametrize("first, end", [(0, 3), (3, 6), (8, 10)])
def test_a_worker_keeps_what_is_measured(first, end):
    net = networks.resnet(20)
    behind = net.classifier if end == 10 else heads.make("1c2f", ((16, 32, 32), (32, 16, 16))[end == 6], 10)
    x = torch.zeros(32, *net.shape)
    with torch.no_grad():
        for block in net.blocks[:first]:
            x = block(x)
    worker = nn.Sequential(*net.blocks[first:end], behind)
    with SavedBytes(worker) as meter:
        logits = worker(x)
    assert cutting.Workers(20)(first, end)[1] == pytest.approx(meter.peak / 2**20, rel=0.01)
    assert logits.shape == (32, 10)


def test_generated_images_give_no_score(small_trial):
    small_trial.source = Source("standin", "a test", "0")
    assert checks.verdict(exercises.find("2.4"), solutions.solution("2.4")).startswith("PASS, the head fits, but")


def test_missing_images_are_named(monkeypatch):
    def no_images(*args, **sizes):
        raise data.DataError("the folder is empty")
    monkeypatch.setattr(data, "load", no_images)
    trial._images.cache_clear()
    assert "no images to train it on: the folder is empty" in checks.verdict(
        exercises.find("2.4"), solutions.solution("2.4"))


def test_the_trial_is_the_same_at_every_call(small_trial):
    threads = torch.get_num_threads()
    first = trial.linear()
    torch.set_num_threads(threads + 1)
    try:
        assert trial.accuracy(lambda shape, classes: heads.make("linear", shape, classes)) == first
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)


def test_a_head_made_outside_of_the_function_learns_nothing_between_checks(small_trial):
    head = heads.make("mlp", trial.SHAPE, trial.CLASSES)
    before = watch.state(head)
    first = trial.accuracy(lambda shape, classes: head)
    assert trial.accuracy(lambda shape, classes: head) == first and not watch.moved(head, before)


def test_graphs_that_live_together_are_seen():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    for goes_back in (True, False):
        with watch.Graphs({"first": first, "second": second}) as graphs:
            h = first(torch.ones(1, 2)).pow(2)
            if goes_back:
                h.sum().backward()
            second(h.detach())
        assert graphs.built == ["first", "second"] and bool(graphs.together) is not goes_back
