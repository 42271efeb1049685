"""What a learner calls: `check` an answer, ask for a `hint`, `reveal` the solution. All three only print."""

import contextlib
import dis
import functools
import inspect
import linecache
import random
import traceback

import numpy as np
import torch

from . import exercises, solutions

_hints_given = {}


class _NotAttempted(Exception):
    pass


def check(id, answer):
    """Print whether `answer` solves exercise `id`: PASS, not attempted, what is wrong, or where the code stopped.

    answer: the learner's function, class or value. The random state and the gradient mode stay as they were; inside,
    torch is seeded with 0 and gradients are on. Raises NoSuchExercise for an unknown id and nothing else.
    """
    print(f"{id}: {verdict(exercises.find(id), answer)}")


def verdict(exercise, answer):
    """What `check` prints behind the id; every outcome but a pass says what to do next."""
    if answer is None or answer is Ellipsis:
        return "not attempted"
    try:
        with _untouched_state():
            exercise.check(_returning(answer) if inspect.isroutine(answer) else answer)
    except _NotAttempted:
        return "not attempted"
    except exercises.Wrong as wrong:
        return f"not yet. {wrong}"
    except NotImplementedError as error:  # PyTorch raises it too, for a module without forward
        *_, (raised_in, _) = traceback.walk_tb(error.__traceback__)
        return "not attempted" if _in_notebook(raised_in) else _crash(answer, error)
    except Exception as error:
        return _crash(answer, error)
    return "PASS"


def hint(id):
    """Print the next hint of exercise `id`, a little more at each call."""
    hints = exercises.find(id).hints
    given = _hints_given.get(id, 0)
    if given == len(hints):
        print(f'{id}: no more hints; reveal("{id}") shows the solution')
        return
    _hints_given[id] = given + 1
    print(f"{id}, hint {given + 1} of {len(hints)}: {hints[given]}")


def reveal(id):
    """Print the source of the solution of exercise `id`."""
    exercises.find(id)
    print(solutions.source(id))


def _returning(function):
    """The learner's function, with an untouched stub's None or Ellipsis told apart from a wrong result."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        result = function(*args, **kwargs)
        if result is None or result is Ellipsis:
            if _computes(function):
                raise exercises.Wrong(f"your function returned {result}: does its last line begin with `return`?")
            raise _NotAttempted
        return result

    return call


def _computes(function):
    """False for the body of a stub, which at most takes its arguments apart."""
    return hasattr(function, "__code__") and any(
        step.opname.startswith(("CALL", "BINARY_", "BUILD_")) for step in dis.get_instructions(function))


def _in_notebook(frame):
    return frame.f_globals.get("__name__") == "__main__"


def _crash(answer, error):
    """One line instead of a traceback: the learner's own line, or that the check could not use the answer."""
    what = f"{type(error).__name__}: {error}"
    own = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
           if _in_notebook(frame)]
    if not own:
        return f"not yet. The check could not use your answer, a {type(answer).__name__}: {what}"
    file, line = own[-1]
    return f"your code stopped at line {line}, `{linecache.getline(file, line).strip()}`: {what}"


@contextlib.contextmanager
def _untouched_state():
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.enable_grad():
        torch.manual_seed(0)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
