"""What a learner calls: `check` an answer, ask for a `hint`, `reveal` the solution. All three only print."""

import contextlib
import dis
import functools
import linecache
import random
import traceback

import numpy as np
import torch

from ..tables import wrapped
from . import exercises, solutions
from .exercises.plain import plain

_hints_given = {}


class _NotAttempted(Exception):
    pass


def check(id, answer):
    """Print whether `answer` solves exercise `id`: PASS, not attempted, what is wrong, or where the code stopped.

    id: "3.2", or the number 3.2.   answer: the learner's function, class or value. The random state and the gradient
    mode stay as they were; inside, torch is seeded with 0 and gradients are on. Raises NoSuchExercise for an unknown id
    and nothing else.
    """
    exercise = exercises.find(id)
    _print(f"{exercise.id}: {verdict(exercise, answer)}")


def verdict(exercise, answer):
    """What `check` prints behind the id; every outcome but a pass says what to do next."""
    if answer is None or answer is Ellipsis:
        return "not attempted"
    try:
        with _untouched_state():
            told = exercise.check(_prepared(exercise, answer))
    except _NotAttempted:
        return "not attempted"
    except exercises.Wrong as wrong:
        return f"not yet. {wrong}"
    except NotImplementedError as error:  # PyTorch raises it too, for a module without forward
        *_, (raised_in, _) = traceback.walk_tb(error.__traceback__)
        return "not attempted" if _in_notebook(raised_in) else _crash(answer, error)
    except Exception as error:
        return _crash(answer, error)
    return f"PASS, {told}" if told else "PASS"


def hint(id):
    """Print the next hint of exercise `id`, a little more at each call."""
    exercise = exercises.find(id)
    id, hints = exercise.id, exercise.hints
    given = _hints_given.get(id, 0)
    if given == len(hints):
        print(f'{id}: no more hints; reveal("{id}") shows the solution')
        return
    _hints_given[id] = given + 1
    _print(f"{id}, hint {given + 1} of {len(hints)}: {hints[given]}")


def reveal(id):
    """Print the source of the solution of exercise `id`."""
    print(solutions.source(exercises.find(id).id))


def _print(text):
    """In lines that an output cell shows whole."""
    print("\n".join(wrapped(text)))


def _prepared(exercise, answer):
    """The answer as the check gets it: a stub told apart from a wrong result, numbers made plain."""
    if not callable(answer):
        return plain(answer) if exercise.numbers else answer

    @functools.wraps(answer)
    def call(*args, **kwargs):
        result = answer(*args, **kwargs)
        if result is None or result is Ellipsis:
            if not _computes(answer):
                raise _NotAttempted
            if exercise.acts:
                return None
            raise exercises.Wrong(f"your function returned {result}: does its last line begin with `return`?")
        return plain(result) if exercise.numbers else result

    return call


def _computes(function):
    """False for the body of a stub, which at most takes its arguments apart."""
    return not hasattr(function, "__code__") or any(
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
