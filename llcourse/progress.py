"""One progress bar, in a notebook or a terminal."""

import os
import statistics
import sys
import time
from collections import deque

from tqdm.std import tqdm

TIMES = 10  # as long as before is slow
RUNNING = "{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
DONE = "{desc}: done in {elapsed}{postfix}"
STOPPED = "{desc}: stopped at {n_fmt} of {total_fmt} after {elapsed}{postfix}"


def progress(iterable=None, *, label="", slow="", **options):
    """A tqdm bar over `iterable`, or a hand-driven one: `with progress(total=n, label="fetching") as bar:
    bar.update()`.

    Silent when LLCOURSE_PROGRESS=0, and when neither a notebook nor a terminal is attached. slow: what to say behind
    the bar once its updates take ten times as long as they did. `options` are tqdm's.
    """
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    silent = os.environ.get("LLCOURSE_PROGRESS") == "0" or not (in_notebook or sys.stderr.isatty())
    return (_Output if in_notebook else _Paced)(iterable, slow, desc=label, disable=silent, **options)


class _Paced(tqdm):
    """A bar that knows how long its last updates took: a median, so that one that had to wait is not the pace."""

    def __init__(self, iterable, slow, **options):
        self.slow, self.least, self.before, self.last = slow, float("inf"), None, deque(maxlen=9)
        super().__init__(iterable, **options)

    def update(self, n=1):
        now = time.monotonic()
        if self.before is not None:
            self.last.append(now - self.before)
        self.before = now
        if self.slow and len(self.last) == self.last.maxlen:
            median = statistics.median(self.last)
            self.least = min(self.least, median)
            if median > TIMES * self.least:
                self.set_postfix_str(self.slow, refresh=False)
                self.slow = ""  # said once
        return super().update(n)

    def pause(self):
        """Say that what comes before the next update is no part of it, such as a test between two epochs."""
        self.before = None


class _Output(_Paced):
    """A bar that is a cell's output, one line of text. A widget would be an error where a notebook is opened without
    its kernel; this line is saved with the notebook, and says at the end what was done."""

    def __init__(self, *args, **options):
        self.output, self.failed = None, False
        super().__init__(*args, gui=True, bar_format=RUNNING, mininterval=0.5, **options)  # gui: nothing on stderr
        if not self.disable:
            self.display()

    def display(self, *_, **__):
        from IPython.display import display

        # ncols: tqdm took the width of the terminal that Jupyter was started in, and would cut the line there
        line = {"text/plain": self.format_meter(**self.format_dict | {"ncols": None})}
        if self.output is None:
            self.output = display(line, raw=True, display_id=True)
        else:
            self.output.update(line, raw=True)

    def clear(self, *_, **__):
        pass  # it shares its place with no other output

    def __exit__(self, kind, error, trace):
        self.failed = kind is not None  # a test that is interrupted follows the last step
        super().__exit__(kind, error, trace)

    def close(self):
        if not self.disable:
            super().close()
            missing = self.n < max(1, self.total or 0)  # where no total is known, all
            self.bar_format = STOPPED if self.failed or missing else DONE
            self.display()
