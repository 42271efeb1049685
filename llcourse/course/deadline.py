"""Code that may never end, stopped after a stated time."""

import contextlib
import signal
import sys
import threading

AGAIN = 0.5  # seconds to the next alarm, for code that has caught the last


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in the code that runs does not catch it."""


@contextlib.contextmanager
def within(seconds):
    """Raise TimeUp in the block's code after `seconds`; it ends loops, sleeps and waits, not one long call of C.

    Does nothing outside the main thread, and on Windows, which has no such alarm: the stop button works there too.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    block, traced, rung = sys._getframe(2), sys.gettrace(), []

    def stop(number, frame):
        while rung and frame is not block:  # a loop catches everything: it is met once more, in what catches
            frame.f_trace, frame = at_a_line, frame.f_back
            sys.settrace(at_a_line)
        rung.append(number)
        raise TimeUp

    def at_a_line(frame, event, arg):
        if event == "line":
            raise TimeUp
        return at_a_line

    usual = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # once more: it may have rung just before the line above
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
        sys.settrace(traced)
