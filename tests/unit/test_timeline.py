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


def test_sequential_training_in_numbers():
    tasks = timeline.sequential(2, 3)
    assert max(t.end for t in tasks) == 3 * (1 + 2) + 3 * (2 + 2)
