"""One progress bar, in a notebook or a terminal."""

import os
import sys


def progress(iterable=None, *, label="", **options):
    """A tqdm bar over `iterable`, or a hand-driven one: `with progress(total=n, label="fetching") as bar:
    bar.update()`.

    Silent when LLCOURSE_PROGRESS=0, and when neither a notebook nor a terminal is attached. `options` are
    tqdm's.
    """
    from tqdm.auto import tqdm  # late: it looks for Jupyter, which scripts can do without

    return tqdm(iterable, desc=label, disable=not _wanted(), **options)


def _wanted():
    if os.environ.get("LLCOURSE_PROGRESS") == "0":
        return False
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    return in_notebook or sys.stderr.isatty()
