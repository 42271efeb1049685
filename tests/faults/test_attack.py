"""Public calls with arguments of any type: a right result or an error of the package's own, within a bounded time.

The short form makes the same calls every time. LLCOURSE_ATTACK=600 (`make attack`) goes on with others for so many
seconds, all targets together.
"""

import io
import linecache
import os
import random
import reprlib
import time
import traceback
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

import llcourse
from llcourse.checkpoint import CheckpointError
from llcourse.course import deadline, state
from llcourse.data import DataError
from llcourse.epoch import NonFiniteLoss
from tests.faults import odd
from tests.faults.targets import TARGETS

OWN = ValueError, CheckpointError, DataError, NonFiniteLoss  # ReachError is a ValueError
PACKAGE = str(Path(llcourse.__file__).parent)
BOUND = 30  # seconds a call: a hundred times what the longest takes
LONG = float(os.environ.get("LLCOURSE_ATTACK", 0)) * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)) / len(TARGETS)


def raised_here(error):
    """Whether a `raise` of the package made it: its words are the package's, and not Python's or NumPy's."""
    frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
    file = frame.f_code.co_filename
    return file.startswith(PACKAGE) and linecache.getline(file, line).strip().startswith("raise")


def finding(target, given):
    """What is wrong with one call, or None."""
    try:
        with state.kept(), deadline.within(BOUND), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return None if target.good(target.call(**given)) else "the result is no right one"
    except deadline.TimeUp:
        return f"took more than {BOUND} s"
    except Exception as error:
        if isinstance(error, OWN) and raised_here(error):
            return None
        frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
        return f"{type(error).__name__}: {str(error)[:100]} ({Path(frame.f_code.co_filename).name}:{line})"
    finally:
        plt.close("all")


@pytest.mark.parametrize("name", TARGETS)
def test_any_argument_gives_a_right_result_or_an_error_of_ours(name, monkeypatch):
    monkeypatch.setenv("LLCOURSE_PROGRESS", "0")
    monkeypatch.delenv("LLCOURSE_CLAIMS", raising=False)
    target, found, seed, until = TARGETS[name], {}, 0, time.monotonic() + LONG
    assert finding(target, target.right) is None, "what is right is not taken"
    while seed < target.calls or time.monotonic() < until:
        given = odd.replaced(random.Random(f"{name} {seed}"), target.right)
        if wrong := finding(target, given):
            changed = {key: value for key, value in given.items() if value is not target.right[key]}
            found.setdefault(wrong, f"seed {seed}: {wrong}, given {reprlib.repr(changed)}")
        seed += 1
    assert not found, "\n".join(["", *found.values()])


@pytest.mark.parametrize("call, words", [
    (lambda: int("x"), "ValueError: invalid literal"), (lambda: [][0], "IndexError"), (lambda: False, "no right one"),
    (lambda: torch.zeros(2) @ torch.zeros(3), "RuntimeError"), (lambda: time.sleep(9), "took more than 0.2 s")])
def test_a_finding_is_noticed(call, words, monkeypatch):
    monkeypatch.setattr("tests.faults.test_attack.BOUND", 0.2)
    target = TARGETS["claim"]._replace(call=lambda: call(), right={}, good=bool)
    assert words in finding(target, {})
