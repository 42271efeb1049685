"""Ctrl-C, or the notebook's stop button, held back until nothing is half done."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def held():
    """Within the block an interrupt waits; a second one does not.

    Yields a function to call where nothing is half done: it raises KeyboardInterrupt if an interrupt came. So does the
    end of the block. Where none can come (outside the main thread) or none is wanted (SIGINT ignored) it does nothing.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield lambda: None
        return
    asked = []

    def note(number, frame):
        asked.append(number)
        signal.signal(signal.SIGINT, usual)  # a second one does not wait

    def stop():
        if asked:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)
    stop()
