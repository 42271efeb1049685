"""Answers of learners that change, stop or block the process in which they are checked."""

import asyncio
import contextlib
import gc
import os
import random
import re
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import torch

from llcourse.course import checks, deadline, state
from llcourse.course.exercises import Wrong, exercise


@exercise("98.1", title="Double", dots=1, minutes=3, why="to see one", hints=[])
def double(answer):
    """Needs what an exercise needs: float32, gradients, the CPU."""
    x = torch.ones(2, requires_grad=True)
    y = answer(x)
    if (y.detach() @ torch.eye(2)).dtype != torch.float32:
        raise Wrong("float32 is asked for")
    y.sum().backward()
    if x.grad.tolist() != [2, 2]:
        raise Wrong("not twice x")


def right(x):
    return 2 * x


def after(change):
    """A right answer that first does something else."""
    def answer(x):
        change()
        return 2 * x
    return answer


CHANGES = {
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "device": lambda: torch.set_default_device("meta"),
    "gradients": lambda: torch.set_grad_enabled(False),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "autocast's type": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "threads": lambda: torch.set_num_threads(3),
    "deterministic": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "cudnn": lambda: setattr(torch.backends.cudnn, "deterministic", True),
    "folder": lambda: os.chdir("/"),
    "environment": lambda: os.environ.update(LLCOURSE_SEED="7", PATH=""),
    "path": lambda: sys.path.insert(0, "/"),
    "recursion": lambda: sys.setrecursionlimit(5000),
    "collector": gc.disable,
    "warnings": lambda: warnings.simplefilter("error"),
    "numpy's errors": lambda: np.seterr(all="raise"),
    "numpy's prints": lambda: np.set_printoptions(precision=1),
    "torch's prints": lambda: torch.set_printoptions(precision=1, sci_mode=True),
    "signals": lambda: [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)],
    "alarm": lambda: signal.alarm(1),
    "chance": lambda: [seed(5) for seed in (torch.manual_seed, random.seed, np.random.seed)],
    "streams": lambda: [setattr(sys, name, None) for name in ("stdin", "stdout", "stderr")],
}


def everything():
    """All that is to stay, as a dict."""
    return {number: setting.get() for number, setting in enumerate(state.SETTINGS)} | {
        "gradients": torch.is_grad_enabled(), "inference": torch.is_inference_mode_enabled(),
        "chance": (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()),
        "streams": (sys.stdin, sys.stdout, sys.stderr)}


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_answer_changes_is_as_before(name):
    before = everything()
    said = checks.verdict(double, after(CHANGES[name]))
    assert everything() == before
    if name not in ("dtype", "gradients", "autocast", "device"):  # these spoil the answer's own result
        assert said == "PASS"


def test_the_next_answer_does_not_meet_what_the_last_one_changed():
    for change in CHANGES.values():
        checks.verdict(double, after(change))
        assert checks.verdict(double, right) == "PASS"


@contextlib.contextmanager
def float64():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


MODES = [torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu"), lambda: torch.device("meta"), float64,
         default_device, lambda: np.errstate(all="raise")]


@pytest.mark.parametrize("mode", MODES)
def test_what_the_learner_has_on_fails_no_right_answer_and_stays_on(mode):
    with mode():
        before = everything()
        assert checks.verdict(double, right) == "PASS"
        assert everything() == before


def test_a_folder_that_an_answer_removes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    os.chdir("own")
    assert checks.verdict(double, after(lambda: os.rmdir(tmp_path / "own"))) == "PASS"
    assert checks.verdict(double, right) == "PASS"


class Silent(Exception):
    def __str__(self):
        raise ValueError("no text")


class Leaving(Exception):
    def __str__(self):
        raise SystemExit


def throw(error):
    raise error


ENDS = {"SystemExit": sys.exit, "SystemExit: 3": lambda: sys.exit(3), "GeneratorExit": lambda: throw(GeneratorExit()),
        "CancelledError": lambda: throw(asyncio.CancelledError()),
        "Silent: its text cannot be shown": lambda: throw(Silent()),
        "Leaving: its text cannot be shown": lambda: throw(Leaving()),
        "ValueError: \\udcff": lambda: throw(ValueError("\udcff"))}


@pytest.mark.parametrize("words, end", ENDS.items())
def test_whatever_ends_an_answer_ends_in_a_verdict(words, end, monkeypatch, capsys):
    monkeypatch.setattr(checks.exercises, "find", lambda id: double)
    checks.check("98.1", after(end))
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("close", [lambda: sys.stdout.close(), lambda: sys.stdout.detach(),
                                   lambda: setattr(sys, "stdout", object()), lambda: delattr(sys, "stdout")],
                         ids=["closed", "taken apart", "replaced", "deleted"])
def test_a_closed_stdout_does_not_swallow_the_verdict(close, monkeypatch, capsys):
    monkeypatch.setattr(checks.exercises, "find", lambda id: double)
    checks.check("98.1", after(close))
    assert capsys.readouterr().out == "98.1: PASS\n"


def spin():
    while True:
        pass


def spin_through_exceptions():
    while True:
        with contextlib.suppress(Exception):
            int("1")


def spin_through_everything():
    while True:
        try:
            int("1")
        except:  # noqa: E722  as learners write
            pass


@pytest.mark.parametrize("wait", [spin, spin_through_exceptions, spin_through_everything, lambda: time.sleep(1000),
                                  threading.Event().wait, signal.pause])
def test_an_endless_answer_ends_after_a_stated_time(wait, monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.3)
    monkeypatch.setattr(deadline, "AGAIN", 0.1)
    before, began = everything(), time.monotonic()
    said = checks.verdict(double, after(wait))
    assert said.startswith("not yet. After 0.3 seconds ") and said.endswith("is there a loop that never ends?")
    assert time.monotonic() - began < 10 and everything() == before
    time.sleep(3 * deadline.AGAIN)  # nothing rings any more


def test_the_line_that_was_running_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    (tmp_path / "cell.py").write_text("def double(x):\n    while True:\n        x = x + 1\n")
    cell = {"__name__": "__main__"}
    exec(compile((tmp_path / "cell.py").read_text(), str(tmp_path / "cell.py"), "exec"), cell)
    assert re.search(r"seconds line [23], `(x = x + 1|while True:)` was still running",
                     checks.verdict(double, cell["double"]))


def test_an_exception_whose_text_never_ends(monkeypatch):
    class Endless(Exception):
        def __str__(self):
            spin()

    monkeypatch.setattr(checks, "SECONDS", 0.2)
    assert "cannot be shown" in checks.verdict(double, after(lambda: throw(Endless())))


def test_the_stop_button_stops_a_check():
    before, usual = everything(), signal.signal(signal.SIGINT, signal.default_int_handler)  # as a kernel has it
    try:
        with pytest.raises(KeyboardInterrupt):
            checks.verdict(double, after(lambda: os.kill(os.getpid(), signal.SIGINT)))
    finally:
        signal.signal(signal.SIGINT, usual)
    assert everything() == before


def test_a_check_in_another_thread_works():
    said = []
    thread = threading.Thread(target=lambda: said.append(checks.verdict(double, right)))
    thread.start()
    thread.join()
    assert said == ["PASS"]


def test_an_alarm_of_somebody_else_still_rings():
    usual = signal.signal(signal.SIGALRM, lambda number, frame: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 60)
        assert checks.verdict(double, right) == "PASS"
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
