"""The chapters as files: finding, executing and cleaning notebooks."""

import ast
import hashlib
import os
import re
import time

import nbformat

from .. import paths

FILES = (  # a learner's own notebooks may lie beside them
    "00_start_here.ipynb",
    "01_backprop_and_its_locks.ipynb",
    "02_greedy_layer_by_layer.ipynb",
    "03_decoupled_greedy_learning.ipynb",
    "04_asynchrony_and_replay_buffers.ipynb",
    "05_quantised_messages.ipynb",
    "06_interlocking_backprop.ipynb",
    "07_local_updates_at_scale.ipynb",
    "08_language_models.ipynb",
    "09_context_supply.ipynb",
    "10_neuron_groups.ipynb",
    "11_across_machines.ipynb",
)
CELL_SECONDS = 600  # a cell that takes longer hangs: a whole chapter has two minutes


class ChapterError(Exception):
    """A chapter that cannot be found or executed; the message says which and what stopped it."""


def find(number=None):
    """{number: path} of the chapters, or of the one called `number` ("03"); ChapterError if there is none."""
    every = {name[:2]: path for name in FILES if (path := paths.root() / "notebooks" / name).exists()}
    if number is None:
        return every
    if number not in every:
        raise ChapterError(f"there is no chapter {number!r}; there are {', '.join(every) or 'none yet'}")
    return {number: every[number]}


def executed():
    """The folder for everything that git ignores: executed chapters, finished seeds."""
    return paths.root() / "executed"


def code_hash(notebook):
    """A hash of the code cells up to the last claim: what recorded values depend on. Text, the alt texts of figures,
    and what follows may change."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    while code and not re.search(r"\bclaim\(", code[-1]):
        code.pop()
    return hashlib.sha256("\0".join(map(_without_alts, code)).encode()).hexdigest()


def _without_alts(source):
    """The code of a cell with `show(figure)` for `show(figure, alt)`; as it stands where it has no figure."""
    if not re.search(r"\bshow\(", source):
        return source
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "show":
            node.args[1:] = []
    return ast.unparse(tree)


def execute(path, **environment):
    """Execute a chapter as pytest will, in a fresh kernel; returns (notebook with outputs, minutes, error or None).

    environment: variables added to those of this process. An exception in a cell ends the run; the notebook returned
    then holds the outputs up to it and the ChapterError names cell and line.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False,
                            store_widget_state=False, coalesce_streams=True,
                            resources={"metadata": {"path": str(path.parent)}})
    error, began = None, time.perf_counter()
    try:
        client.execute(env=os.environ | {"LLCOURSE_PROGRESS": "0"} | environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as stop:
        error = ChapterError(f"{path.name} stopped {_where(notebook)}: {_reason(stop)}")
    return notebook, (time.perf_counter() - began) / 60, error


def _where(notebook):
    """The cell that ran last, as a reader counts code cells."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    done = [n for n, cell in enumerate(code, 1) if cell.execution_count]
    n = max(done, default=1)
    return (f"in code cell {n} (id {code[n - 1].get('id', 'none')}) that begins with "
            f"{code[n - 1].source.splitlines()[0]!r}")


def _reason(stop):
    return f"{stop.ename}: {stop.evalue}" if hasattr(stop, "ename") else str(stop).strip().splitlines()[-1]


def clean(notebook):
    """Keep in the metadata what is the same on every machine: the kernel's name, no times, no widget state."""
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    })
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook
