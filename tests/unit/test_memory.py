"""Measuring memory lets an interrupt through, wherever it comes."""

import signal
import subprocess
import sys

import pytest
import torch

from llcourse import measure, memory, networks, paths


@pytest.fixture
def ctrl_c():
    """The process heeds SIGINT, which workers of pytest-xdist do not."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


def traced(visit):
    """One measurement, with visit(line) called before each line of memory.py."""
    net = networks.resnet(8, width=2, shape=(3, 8, 8)).cut(2)

    def trace(frame, event, arg):
        if frame.f_code.co_filename != memory.__file__:
            return None
        if event == "line":
            visit(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        return measure.saved_bytes(net, torch.randn(2, 3, 8, 8), torch.tensor([1, 2]))
    finally:
        sys.settrace(None)


def test_an_interrupt_at_any_line_is_heard(ctrl_c):
    lines = {}
    assert traced(lambda line: lines.setdefault(line)) > 0
    assert len(lines) > 12
    for line in lines:
        left = [signal.SIGINT]

        def press(here, line=line, left=left):
            if here == line and left:
                signal.raise_signal(left.pop())

        with pytest.raises(KeyboardInterrupt):
            traced(press)


def test_what_was_changed_before_the_backward_pass_is_refused_as_ever():
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh())
    with measure.SavedBytes(net):
        h = net(torch.ones(2, 3))
        with torch.no_grad():
            h.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            h.sum().backward()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells no more than rusage")
def test_what_the_parent_held_is_not_the_childs():
    held = bytearray(300 << 20)
    code = "import torch; from llcourse import memory; print(memory.process_peak('cpu'))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=paths.root())
    assert int(child.stdout) < memory.process_peak("cpu") - len(held) / 2
