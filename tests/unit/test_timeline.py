"""The simulator against schedules worked out by hand."""

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
