"""What a learner calls: `check` an answer, ask for a `hint`, `reveal` the solution. All three only print."""

import dis
import functools
import linecache
import traceback

from ..tables import wrapped
from . import deadline, exercises, solutions, state
from .exercises.plain import plain

SECONDS = 120  # of a check: the longest takes 4 on one core
_hints_given = {}


class _NotAttempted(Exception):
    pass


def check(id, answer):
    """Print whether `answer` solves exercise `id`: PASS, not attempted, what is wrong, or where the code stopped.

    id: "3.2", or the number 3.2.   answer: the learner's function, class or value. The state of the process stays as it
    was (see state.py); inside, torch is seeded with 0 and gradients are on. What runs for more than SECONDS is stopped.
    Raises NoSuchExercise for an unknown id, KeyboardInterrupt for the stop button, and nothing else.
    """
    exercise = exercises.find(id)
    _print(f"{exercise.id}: {verdict(exercise, answer)}")


def verdict(exercise, answer):
    """What `check` prints behind the id; every outcome but a pass says what to do next."""
    if answer is None or answer is Ellipsis:
        return "not attempted"
    try:
        with state.kept(), deadline.within(SECONDS):
            return _judged(exercise, answer)
    except deadline.TimeUp as error:
        return (f"not yet. After {SECONDS:g} seconds {_where(error) or 'the check'} was still running, and was "
                "stopped: is there a loop that never ends?")


def _judged(exercise, answer):
    try:
        told = exercise.check(_prepared(exercise, answer))
    except _NotAttempted:
        return "not attempted"
    except exercises.Wrong as wrong:
        return f"not yet. {wrong}"
    except NotImplementedError as error:  # PyTorch raises it too, for a module without forward
        *_, (raised_in, _) = traceback.walk_tb(error.__traceback__)
        return "not attempted" if _in_notebook(raised_in) else _crash(answer, error)
    except (KeyboardInterrupt, deadline.TimeUp):
        raise
    except BaseException as error:  # SystemExit, GeneratorExit and what else a learner's code may raise
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
    """In lines that an output cell shows whole; half a character, of a learner's text, as its number."""
    print("\n".join(wrapped(text.encode("utf-8", "backslashreplace").decode())))


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
    what = f"{type(error).__name__}: {_text(error)}"
    if where := _where(error):
        return f"your code stopped at {where}: {what}"
    return f"not yet. The check could not use your answer, a {type(answer).__name__}: {what}"


def _where(error):
    """The innermost line of the learner's own code that was running, or None."""
    own = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
           if _in_notebook(frame)]
    return f"line {own[-1][1]}, `{linecache.getline(*own[-1]).strip()}`" if own else None


def _text(error):
    try:
        return str(error)
    except BaseException:  # of a learner's class
        return "its text cannot be shown"
