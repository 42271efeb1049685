"""Channels: tensors arrive as they were, a slow reader holds its writer back, and nothing is lost on the way."""

import gc
import threading
import time

import pytest
import torch
import torch.distributed as dist

from llcourse.distributed.channel import Inbox, Outbox, connect
from llcourse.distributed.events import Log
from llcourse.distributed.wire import END, TENSORS, Message, Reader, Writer, dense

AHEAD = 2


@pytest.fixture
def ends():
    """An Outbox and the Inbox at its other end, connected over loopback."""
    store, groups = dist.HashStore(), {}
    device = dist.ProcessGroupGloo.create_device(hostname="127.0.0.1")

    def join(upper):
        groups[upper] = connect(store, "test", upper, device, 20)

    other = threading.Thread(target=join, args=(True,))
    other.start()
    join(False)
    other.join()
    made = [Outbox(groups[False], False, 1, AHEAD, lambda: None, Log()),
            Inbox(groups[True], True, 0, AHEAD, lambda: None, Log())]
    yield made
    closing = threading.Thread(target=made[0].close)  # what has not been read by now is
    closing.start()
    while closing.is_alive() or made[1].thread.is_alive():
        made[1].poll()
        time.sleep(0.001)
    for group in groups.values():
        group.shutdown()
    del closing, group
    made.clear()
    groups.clear()
    gc.collect()  # an end and its reader know each other


LOOKS = {
    "plain": torch.randn(3, 4), "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "one channel": torch.randn(2, 1, 4, 4).to(memory_format=torch.channels_last),
    "transposed": torch.randn(3, 4).T, "a piece": torch.randn(6, 4)[2:5], "every second": torch.randn(8)[::2],
    "expanded": torch.randn(3, 1).expand(3, 4), "a number": torch.tensor(2.5), "empty": torch.empty(0, 3),
    "bfloat16": torch.randn(5).bfloat16(), "bytes": torch.arange(7, dtype=torch.uint8), "bool": torch.rand(9) > 0.5,
    "half": torch.randn(3).half(), "labels": torch.arange(5), "double": torch.randn(2, 2).double(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_tensor_arrives_as_it_was(look):
    sent, there = [], LOOKS[look]
    writer = Writer(lambda row: sent.append(row.clone()))
    for _ in range(2):
        writer.write(Message(TENSORS, (there, torch.ones(2)), ["a note"]))
    assert sum(row.numel() for row in sent) <= 2 * 16 + 120 + 2 * (there.nbytes + 8)  # one header
    reader = Reader(lambda row: row.copy_(sent.pop(0)))
    for _ in range(2):
        kind, (here, ones), note = reader.read()
        assert kind == TENSORS and note == ["a note"] and ones.tolist() == [1, 1]
        assert torch.equal(here, there) and here.dtype == there.dtype
        assert here.stride() == there.stride() or not dense(there)


def test_overlapping_memory_is_not_dense():
    assert not dense(torch.arange(8).as_strided((2, 2, 2), (3, 3, 1)))
    assert dense(torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last))


def test_another_look_brings_a_new_header(ends):
    outbox, inbox = ends
    for shape in ((4, 2), (4, 2), (3, 2), (4, 2)):
        outbox.put(Message(TENSORS, (torch.full(shape, 7.0),)))
        assert inbox.get().tensors[0].tolist() == [[7.0] * 2] * shape[0]


def test_a_slow_reader_holds_its_writer_back_and_loses_nothing(ends):
    outbox, inbox = ends
    put = []

    def write():
        for n in range(40):
            outbox.put(Message(TENSORS, (torch.full((50_000,), float(n)),)))
            put.append(n)

    writer = threading.Thread(target=write)
    writer.start()
    read = []
    for n in range(40):
        time.sleep(0.002)
        read.append(inbox.get().tensors[0])
        assert len(put) <= n + 1 + 2 * AHEAD + 2  # in both queues, one being sent, one being received
    writer.join()
    assert [int(row[0]) for row in read] == list(range(40)) and all((row == row[0]).all() for row in read)
    assert outbox.overwritten == 0 and max(outbox.lengths) <= AHEAD and max(inbox.lengths) <= AHEAD


def test_who_offers_does_not_wait_and_knows_what_was_lost(ends):
    outbox, inbox = ends
    for n in range(100):
        outbox.offer(Message(TENSORS, (torch.full((50_000,), float(n)),)))
    outbox.put(Message(END))
    read = []
    while (message := inbox.get()).kind != END:
        read.append(int(message.tensors[0][0]))
    assert len(read) + outbox.overwritten == 100 and read == sorted(read)
    assert read[-1] == 99 and len(read) < 50  # the newest is always there


def test_an_offer_throws_away_no_message_that_was_put(ends):
    outbox, inbox = ends
    sent = threading.Thread(target=lambda: [
        (outbox.put if n % 5 == 0 else outbox.offer)(Message(TENSORS, (torch.full((50_000,), float(n)),)))
        for n in range(60)] + [outbox.put(Message(END))])
    sent.start()
    read = []
    while (message := inbox.get()).kind != END:
        time.sleep(0.001)
        read.append(int(message.tensors[0][0]))
    sent.join()
    assert set(range(0, 60, 5)) <= set(read) and read == sorted(read)


def test_a_guard_is_asked_while_one_waits(ends):
    class Gone(Exception):
        pass

    def guard():
        raise Gone

    ends[1].guard = guard
    with pytest.raises(Gone):
        ends[1].get()
    ends[1].guard = lambda: None
