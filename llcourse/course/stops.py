"""What a notebook says of a cell that is stopped, and of what that cell would have made."""

import ast
import linecache
import traceback


def explain(shell):
    """From now on this IPython `shell` prints of a KeyboardInterrupt only what `told` says, and says of a name that is
    missing because the cell that makes it was stopped why it is missing."""
    missing = set()

    def say(shell, kind, error, trace, tb_offset=None):
        if isinstance(error, KeyboardInterrupt):
            missing.update(_made(trace))
            error._render_traceback_ = lambda: told(error, trace)  # the name IPython asks for, and the Jupyter kernel
        elif error.name in missing:
            error.add_note(f"{error.name} is made by a cell that was stopped: run that cell to its end first")
        shell.showtraceback((kind, error, trace))

    shell.set_custom_exc((KeyboardInterrupt, NameError), say)


def told(error, trace):
    """Two lines: the reader's own line that was running, and what the error says, or what to do."""
    where = [f"line {line} of this cell:  {linecache.getline(file, line).strip()}" for file, line in _own(trace)[:1]]
    return [*where, f"KeyboardInterrupt: {error if str(error) else 'stopped: run the cell again'}"]


def _own(trace):
    """(file, line) of the reader's own code, a cell's first."""
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)
            if frame.f_globals.get("__name__") == "__main__"]


def _made(trace):
    """The names that the stopped cell assigns."""
    return {node.id for file, _ in _own(trace)[:1] for node in ast.walk(ast.parse("".join(linecache.getlines(file))))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
