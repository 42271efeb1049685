"""The exercises of chapter 11 on workers: threads that meet, slips that are told apart."""

import threading
import time

import pytest

from llcourse import cost, networks, reach
from llcourse.course import checks, exercises
from llcourse.course.exercises import Wrong, deadlock, failing, meeting, queueing, wire
from llcourse.course.solutions.ch11 import wire_bytes, worker
from tests.course.wrong_answers import ch11_deadlock


def within(seconds, done):
    """Whether `done()` comes true in time."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    return done()


@pytest.mark.parametrize("answer", [worker, ch11_deadlock.stuck, ch11_deadlock.forever, ch11_deadlock.stubborn,
                                    ch11_deadlock.with_threads, ch11_deadlock.hiding])
def test_no_thread_is_left_behind(answer):
    before = threading.active_count()
    checks.verdict(exercises.find("11.1"), answer)
    assert within(2, lambda: threading.active_count() == before)


def test_a_message_arrives_in_its_turn_and_a_send_waits_for_it():
    seen = []

    def act(k, send, recv):
        for n in range(20):
            if k == 0:
                send(1, n)
                seen.append(("sent", n))
            else:
                time.sleep(0.001)
                seen.append(("asks", n))
                assert recv(0) == n

    meeting.Meeting(2, act).run()
    assert all(seen.index(("asks", n)) < seen.index(("sent", n)) for n in range(20))


def test_what_two_workers_raise_is_told_in_their_order():
    def act(k, send, recv):
        if k == 0:
            time.sleep(0.05)
        raise KeyError(k)

    with pytest.raises(KeyError, match="0"):
        meeting.Meeting(3, act).run()


def test_a_deadlock_is_told_at_once_and_by_its_ring():
    def act(k, send, recv):
        if k == 3:
            recv(2)
        else:
            send(k + 1 if k < 2 else 1, None)

    began = time.monotonic()
    with pytest.raises(Wrong, match="worker 1 waits to send to 2, which waits to send to 1"):
        meeting.Meeting(4, act).run()
    assert time.monotonic() - began < meeting.PATIENCE


@pytest.mark.parametrize("module, rights", [
    (wire, [wire._bytes(*case) for case in wire.CASES]),
    (queueing, [queueing.shortest(*case) for case in queueing._cases()]),
    (failing, [failing._first(*case[1:]) for case in failing.CASES])], ids=["11.2", "11.3", "11.4"])
def test_slips_are_told_apart(module, rights):
    named = {}
    for cause, answers in module.slips():
        assert named.setdefault(repr(answers), cause) == cause
    assert repr(rights) not in named


@pytest.mark.parametrize("N", [1, 2, 3, 4])
def test_bytes_are_what_the_package_counts(N):
    net = networks.resnet(8, width=4).cut(4, reach=reach.interlocking(4, N))
    counted = cost.messages(net, (3, 32, 32))[:-1]
    shapes = [row[0].shape for row in cost.modules(net, (3, 32, 32))[:-1]]
    assert wire_bytes(shapes, 1, N, 4) == [(up + 8, down) for up, down in counted]


def test_every_case_of_the_deadlock_has_something_to_wait_for():
    for K, batches in deadlock.CASES:
        if K > 1 and batches > 1:
            with pytest.raises(Wrong):
                deadlock._Chain(ch11_deadlock.stuck, K, batches).run()
