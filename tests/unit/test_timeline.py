"""The simulator against schedules worked out by hand."""

from collections import Counter, defaultdict
from fractions import Fraction

import pytest

from llcourse import reach, timeline, wiring


def test_backprop_keeps_one_worker_busy_at_a_time():
    tasks = timeline.simulate(reach.backprop(4), 5)
    assert max(t.end for t in tasks) == 5 * 12 and timeline.utilisation(tasks, 4) == pytest.approx(1 / 4)
    order = sorted(tasks, key=lambda t: t.start)
    assert all(a.end <= b.start for a, b in zip(order, order[1:]))


def test_local_losses_keep_every_worker_busy_once_filled():
    tasks = timeline.simulate(reach.local(4), 50)
    assert max(t.end for t in tasks) == 3 + 50 * 3  # the last worker starts 3 late and never waits
    assert timeline.utilisation(tasks, 4) == pytest.approx(50 * 3 / (50 * 3 + 3))


@pytest.mark.parametrize("R, expected", [
    (reach.backprop(4), 12), (reach.local(4), 3), (reach.chunked(4, 2), 6), (reach.local(1), 3),
])
def test_time_between_batches(R, expected):
    assert timeline.batch_time(R) == expected


def test_wider_windows_take_longer():
    times = [timeline.batch_time(reach.interlocking(4, N)) for N in (1, 2, 3, 4)]
    assert times == sorted(times) and times[0] == 3 and times[-1] == 12


def test_two_wise_interlocking_worked_out_by_hand():
    """Worker 2 hands loss 2's gradient down in 1 unit, and trains in 2 when loss 3's has come."""
    tasks = {(t.worker + 1, t.kind, t.start, t.end) for t in timeline.simulate(reach.interlocking(3, 2), 1)}
    assert tasks == {(1, "forward", 0, 1), (2, "forward", 1, 2), (3, "forward", 2, 3),
                     (2, "backward", 2, 3), (1, "backward", 3, 5), (3, "backward", 3, 5), (2, "backward", 5, 7)}


def test_deep_supervision_travels_as_one_message():
    assert timeline.batch_time(reach.deep_supervision(4)) == timeline.batch_time(reach.backprop(4)) == 12


def test_a_final_head_keeps_no_worker():
    R, wired = reach.groups(2, 2), wiring.groups(2, 2)
    assert timeline.batch_time(R, wiring=wired) == 3
    tasks = timeline.simulate(R, 1, wiring=wired)
    assert {(t.worker, t.start) for t in tasks if t.kind == "forward"} == {(0, 0), (1, 0), (2, 1), (3, 1)}


def test_an_auxiliary_head_costs_time_on_all_but_the_last_module():
    assert timeline.batch_time(reach.local(4), head=0.5) == 4.5
    assert timeline.batch_time(reach.backprop(4), head=0.5) == 12


@pytest.mark.parametrize("constructor", [reach.backprop, reach.local, lambda K: reach.overlapping(K, 2),
                                         lambda K: reach.interlocking(K, 3), reach.deep_supervision])
def test_no_worker_does_two_things_at_once(constructor):
    tasks = timeline.simulate(constructor(5), 6, head=0.3)
    for worker in range(5):
        mine = [t for t in tasks if t.worker == worker]
        assert mine and all(a.end <= b.start for a, b in zip(mine, mine[1:]))


@pytest.mark.parametrize("K, batches", [(1, 3), (2, 3), (4, 2), (5, 4)])
def test_sequential_training_is_a_chain_of_trainings_and_one_forward_between_two(K, batches):
    """By hand: each phase trains for 3 units a batch; between two lies the forward of the module just frozen."""
    tasks = timeline.sequential(K, batches)
    assert max(t.end for t in tasks) == 3 * batches * K + (K - 1)
    assert sum(t.kind == "repeat" for t in tasks) == batches * K * (K - 1) / 2
    assert sum(t.kind == "forward" for t in tasks) == sum(t.kind == "backward" for t in tasks) == batches * K


def test_sequential_training_waits_for_what_it_needs():
    tasks = timeline.sequential(4, 3, head=0.5)
    ends = {(t.worker, t.phase, t.batch): t.end for t in tasks}
    trained = {p: max(t.end for t in tasks if t.worker == t.phase == p) for p in range(4)}
    for t in tasks:
        assert t.kind == ("repeat" if t.worker < t.phase else t.kind)
        assert t.kind != "repeat" or t.start >= trained[t.worker]  # frozen weights are final weights
        if t.worker and t.kind != "backward":
            assert t.start >= ends[t.worker - 1, t.phase, t.batch]
    for worker in range(4):
        mine = [t for t in tasks if t.worker == worker]
        assert all(a.end <= b.start for a, b in zip(mine, mine[1:]))
    assert trained[3] - min(t.start for t in tasks if t.worker == t.phase == 3) == 9  # the last head costs nothing


def test_a_slow_worker_sets_the_pace_of_all_that_wait_for_it():
    for S in (1, 1.2, 5):
        assert timeline.batch_time(reach.local(4), slowdown=(1, 1, S, 1)) == pytest.approx(3 * S)
    assert timeline.batch_time(reach.backprop(3), slowdown=(2, 1, 1)) == 3 * 2 + 3 + 3


def test_buffers_of_different_sizes():
    turns = [(0,), (0,), (0,), (1,), (1,), (2,)]
    tasks, (first, second) = timeline.asynchronous(turns, K=3, M=[2, 1])
    assert [(t.worker, t.batch) for t in tasks] == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (2, 1)]
    assert (first.M, second.M, first.mean_staleness) == (2, 1, 0.5)
    with pytest.raises(ValueError, match="3 workers have 2 buffers"):
        timeline.asynchronous(turns, K=3, M=[2])


PIPELINES = pytest.mark.parametrize("pipeline", timeline.PIPELINES)


@pytest.mark.parametrize("p", range(2, 9))
def test_bubbles_and_memory_are_those_of_the_published_formulas(p):
    """Forward 1, backward 2: GPipe (Huang et al. 2019, section 2.3) and 1F1B idle (p - 1) / (m + p - 1); 1F1B keeps
    min(p, m). ZB-H1 (Qi et al. 2024, table 1) idles p - 1 units a batch, a third, and keeps as much, once m >= p; with
    fewer micro-batches the way up and down, 2 p, leaves 2 p - 1 - m. Local losses leave no bubble and keep one.
    """
    for m in range(1, 33):
        expected = {"GPipe": (Fraction(p - 1, m + p - 1), m), "1F1B": (Fraction(p - 1, m + p - 1), min(p, m)),
                    "ZB-H1": (Fraction(b := max(p - 1, 2 * p - 1 - m), 3 * m + b), min(p, m))}
        for pipeline, (bubble, kept) in expected.items():
            settings = {"micro": m, "pipeline": pipeline}
            assert timeline.bubble(reach.backprop(p), **settings) == float(bubble), (pipeline, m)
            assert max(timeline.held(timeline.simulate(reach.backprop(p), 2, **settings), p)) == kept, (pipeline, m)
        assert timeline.bubble(reach.local(p), micro=m) == 0
        assert timeline.held(timeline.simulate(reach.local(p), 2, micro=m), p) == [1] * p


@PIPELINES
def test_whole_times_stay_whole(pipeline):
    tasks = timeline.simulate(reach.interlocking(4, 2), 2, 1, micro=3, pipeline=pipeline, latency=2)
    assert all(isinstance(t.start, int) and isinstance(t.end, int) for t in tasks)
    assert isinstance(timeline.batch_time(reach.backprop(4), micro=4), int)


def test_two_micro_batches_of_one_1f1b_batch_worked_out_by_hand():
    tasks = timeline.simulate(reach.backprop(2), 1, micro=2)
    assert {(t.worker, t.kind[0], t.batch, t.start, t.end) for t in tasks} == {
        (0, "f", 0, 0, 1), (0, "f", 1, 1, 2), (1, "f", 0, 1, 2), (1, "b", 0, 2, 4), (0, "b", 0, 4, 6),
        (1, "f", 1, 4, 5), (1, "b", 1, 5, 7), (0, "b", 1, 7, 9)}
    gpipe = timeline.simulate(reach.backprop(2), 1, micro=2, pipeline="GPipe")
    assert {(t.worker, t.kind[0], t.batch, t.start, t.end) for t in gpipe} == {
        (0, "f", 0, 0, 1), (0, "f", 1, 1, 2), (1, "f", 0, 1, 2), (1, "f", 1, 2, 3), (1, "b", 0, 3, 5),
        (1, "b", 1, 5, 7), (0, "b", 0, 5, 7), (0, "b", 1, 7, 9)}


@PIPELINES
@pytest.mark.parametrize("R", [reach.backprop(4), reach.local(4), reach.interlocking(4, 2), reach.overlapping(4, 3),
                               reach.deep_supervision(4)])
def test_nobody_does_two_things_at_once_nor_anything_before_its_message_is_there(R, pipeline):
    micro, batches, latency = 3, 3, 0.5
    tasks = timeline.simulate(R, batches, 0.25, micro=micro, pipeline=pipeline, latency=latency,
                              forward=(1, 2, 1, 0.5), slowdown=(1, 1, 1.5, 1))
    ends, last, first = {}, defaultdict(float), {}
    for t in tasks:
        if t.kind == "forward":
            ends[t.worker, t.batch] = t.end
            first.setdefault((t.worker, t.batch // micro), t.start)
        last[t.worker, t.batch // micro] = max(last[t.worker, t.batch // micro], t.end)
    for w in range(4):
        mine = sorted((t for t in tasks if t.worker == w), key=lambda t: t.start)
        assert all(a.end <= b.start + 1e-9 for a, b in zip(mine, mine[1:]))
        assert all(first[w, n] >= last[w, n - 1] for n in range(1, batches))  # it has updated before it goes on
        assert [t.batch for t in mine if t.kind == "forward"] == list(range(batches * micro))
    assert all(ends[w, b] - ends[w - 1, b] >= latency for w in range(1, 4) for b in range(batches * micro))
    for t in tasks:
        assert t.kind == "forward" or t.start >= ends[t.worker, t.batch]
    counts = Counter(t.kind for t in tasks)
    assert ("weight" in counts) == (pipeline == "ZB-H1") and counts["forward"] == 4 * batches * micro
    if pipeline == "ZB-H1":
        assert counts["weight"] == 4 * batches * micro


def test_messages_take_their_time():
    """Two workers: up and down once each; sizes in MiB and a bandwidth of 4 MiB a tick."""
    assert timeline.batch_time(reach.backprop(2), latency=1) == 6 + 2
    assert timeline.batch_time(reach.backprop(2), latency=1, sizes=(8, 3), bandwidth=4) == 6 + 2 * (1 + 2)
    assert timeline.batch_time(reach.local(2), latency=5) == 3  # nobody waits for what never comes back


def test_modules_that_differ():
    """By hand: two of three workers wait for the slowest under local losses; under backprop all add up."""
    times = {"forward": (1, 3, 2), "vjp": (0, 2, 2), "weight": (1, 3, 1), "head": (1, 0, 0)}
    assert timeline.batch_time(reach.local(3), **times) == 8
    assert timeline.batch_time(reach.backprop(3), **times) == 2 + 8 + 5


def test_what_times_cannot_be():
    for wrong in ({"forward": (1, 1)}, {"head": -1}, {"weight": float("nan")}, {"latency": -1}, {"bandwidth": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}|latency"):
            timeline.simulate(reach.local(3), 1, **wrong)
    with pytest.raises(ValueError, match="no pipeline is called 'gpipe'; there are GPipe, 1F1B, ZB-H1"):
        timeline.simulate(reach.local(3), 1, pipeline="gpipe")
    with pytest.raises(ValueError, match="micro is 0; it is a whole number from 1 on"):
        timeline.simulate(reach.local(3), 1, micro=0)


def test_lags_by_hand():
    """2-wise, as worked out above: worker 1 forwards until 1 and has its gradient at 5; 2 and 7; 3 and 5."""
    assert timeline.lags(timeline.simulate(reach.interlocking(3, 2), 1), 3) == [4, 5, 2]
