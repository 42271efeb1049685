"""What a cell prints when it is stopped: one place and one sentence, not the lines of the package and of torch."""

import linecache
import traceback


def shorten(shell):
    """From now on a KeyboardInterrupt in a cell of this IPython `shell` prints what `told` says of it."""

    def stopped(shell, kind, error, trace, tb_offset=None):
        error._render_traceback_ = lambda: told(error, trace)  # the name IPython asks for, and the Jupyter kernel
        shell.showtraceback((kind, error, trace))

    shell.set_custom_exc((KeyboardInterrupt,), stopped)


def told(error, trace):
    """Lines: the reader's own line that was running, and what the error says, or what to do."""
    own = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)
           if frame.f_globals.get("__name__") == "__main__"]
    where = [f"line {line} of this cell:  {linecache.getline(file, line).strip()}" for file, line in own[:1]]
    return [*where, f"KeyboardInterrupt: {error if str(error) else 'stopped: run the cell again'}"]
