"""What goes over a wire: tensors as they lie in memory, and a header where they look other than those before."""

import json
import time
from collections import namedtuple

import torch

Message = namedtuple("Message", "kind tensors note", defaults=((), None))
# kind: in KINDS.   tensors: a tuple of them.   note: what a JSON list or dict can hold, the same for most messages.
KINDS = TENSORS, NOTHING, END, CLOSE = range(4)
# NOTHING: who should have sent something missed its turn.   END: of an epoch.   CLOSE: of the wire.


def flat(tensor):
    """A tensor's bytes as they lie in memory, (bytes,), without a copy; and its strides, with which `shaped` undoes it.

    Maps in channels_last, which gloo refuses, are such a row too. A tensor with gaps or overlaps is copied first.
    """
    tensor = tensor.detach()
    if not dense(tensor):
        tensor = tensor.contiguous()
    row = tensor.as_strided((tensor.numel(),), (1,), tensor.storage_offset())
    return row.view(torch.uint8), tensor.stride()


def dense(tensor):
    """Whether every element has a place of its own and no place between them is empty."""
    expected = 1
    for stride, size in sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def shaped(row, dtype, shape, strides):
    """The tensor whose bytes these are."""
    return row.view(dtype).as_strided(shape, strides)


class Writer:
    """Writes messages to `send`, a function of one tensor of bytes."""

    def __init__(self, send):
        self.send, self.header = send, b""

    def write(self, message):
        rows, looks = [], []
        for tensor in message.tensors:
            row, strides = flat(tensor)
            rows.append(row)
            looks.append([str(tensor.dtype).removeprefix("torch."), list(tensor.shape), list(strides)])
        header = json.dumps([looks, message.note]).encode()
        changed = message.kind == TENSORS and header != self.header
        self.send(torch.tensor([message.kind, len(header) if changed else 0]).view(torch.uint8))
        if changed:
            self.header = header
            self.send(torch.frombuffer(bytearray(header), dtype=torch.uint8))
        for row in rows:
            if len(row):
                self.send(row)


class Reader:
    """Reads what a Writer has written from `receive`, a function that fills one tensor of bytes. `began`: when the
    last message began to come."""

    def __init__(self, receive):
        self.receive, self.looks, self.note, self.began = receive, [], None, 0.0

    def read(self):
        kind, length = self._bytes(16).view(torch.int64).tolist()
        self.began = time.monotonic()
        if length:
            self.looks, self.note = json.loads(bytes(self._bytes(length).tolist()))
        if kind != TENSORS:
            return Message(kind)
        tensors = []
        for name, shape, strides in self.looks:
            dtype = getattr(torch, name)
            row = self._bytes(torch.Size(shape).numel() * dtype.itemsize)
            tensors.append(shaped(row, dtype, shape, strides))
        return Message(kind, tuple(tensors), self.note)

    def _bytes(self, n):
        row = torch.empty(n, dtype=torch.uint8)
        if n:
            self.receive(row)
        return row
