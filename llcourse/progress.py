"""One progress bar, in a notebook or a terminal."""

import os
import sys

from tqdm.std import tqdm

RUNNING = "{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
DONE = "{desc}: done in {elapsed}{postfix}"
STOPPED = "{desc}: stopped at {n_fmt} of {total_fmt} after {elapsed}{postfix}"


def progress(iterable=None, *, label="", **options):
    """A tqdm bar over `iterable`, or a hand-driven one: `with progress(total=n, label="fetching") as bar:
    bar.update()`.

    Silent when LLCOURSE_PROGRESS=0, and when neither a notebook nor a terminal is attached. `options` are
    tqdm's.
    """
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    silent = os.environ.get("LLCOURSE_PROGRESS") == "0" or not (in_notebook or sys.stderr.isatty())
    return (_Output if in_notebook else tqdm)(iterable, desc=label, disable=silent, **options)


class _Output(tqdm):
    """A bar that is a cell's output, one line of text. A widget would be an error where a notebook is opened without
    its kernel; this line is saved with the notebook, and says at the end what was done."""

    def __init__(self, *args, **options):
        self.output = None
        super().__init__(*args, gui=True, bar_format=RUNNING, mininterval=0.5, **options)  # gui: nothing on stderr
        if not self.disable:
            self.display()

    def display(self, *_, **__):
        from IPython.display import display

        line = {"text/plain": self.format_meter(**self.format_dict)}
        if self.output is None:
            self.output = display(line, raw=True, display_id=True)
        else:
            self.output.update(line, raw=True)

    def clear(self, *_, **__):
        pass  # it shares its place with no other output

    def close(self):
        if not self.disable:
            super().close()
            self.bar_format = DONE if not self.total or self.n >= self.total else STOPPED
            self.display()
