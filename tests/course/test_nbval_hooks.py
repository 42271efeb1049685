"""The nbval plugin, run as `make test` runs it on small notebooks: nothing that is not compared passes silently."""

import os
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_output

from llcourse import paths


def cell(source, printed, **options):
    return new_code_cell(source, outputs=[new_output("stream", name="stdout", text=printed)] if printed else [], **options)


def counted(*cells):
    for n, each in enumerate(cells, 1):
        each.execution_count = n
    return cells


@pytest.fixture
def replay(make_notebook):
    """replay(standin, *cells) -> (exit status, what pytest printed), with two workers."""

    def run(standin, *cells):
        path = make_notebook(*counted(*cells))
        fake = f"from tests import nbval_hooks\nnbval_hooks.only_standin = lambda: {standin}\n"
        options = ["-q", "-n", "1", "--dist", "loadscope", "-p", "tests.nbval_hooks", "--nbval", "--nbval-current-env",
                   "--rootdir", str(paths.root()), str(path)]
        done = subprocess.run([sys.executable, "-c", f"{fake}import pytest, sys\nsys.exit(pytest.main({options}))"],
                              cwd=paths.root(), capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
        return done.returncode, done.stdout

    return run


def test_a_difference_fails_and_names_the_cell(replay):
    status, said = replay(False, cell("print(1)", "1\n"), cell("print(2)", "3\n", id="sum"),
                          cell("print(4)", "5\n", metadata={"tags": ["nbval-ignore-output"]}))
    assert status == 1
    assert "code cell 2 (id sum)" in said
    assert "03_small.ipynb: 1 cells compared, 1 free, 0 NOT COMPARED, 1 failed" in said


def test_without_cifar10_a_difference_is_reported_and_an_exception_fails(replay):
    status, said = replay(True, cell("print(1)", "2\n"), cell("1 / 0", "", id="split"), cell("print(2)", "2\n"))
    assert status == 1 and "ZeroDivisionError" in said
    assert "03_small.ipynb: 0 cells compared, 0 free, 2 NOT COMPARED, 1 failed" in said
    assert "NOT COMPARED: there is no CIFAR-10 on this machine" in said


def test_without_cifar10_the_run_passes_and_says_so(replay):
    status, said = replay(True, cell("print(1)", "2\n"))
    assert status == 0 and "1 skipped" in said and "passed" not in said.splitlines()[-1]
    assert "0 cells compared, 0 free, 1 NOT COMPARED, 0 failed" in said


def test_tables_are_compared_by_their_text(replay):
    table = "class T:\n    def __repr__(self): return 'T'\n    def _repr_html_(self): return str(id(self))\nT()"
    stored = new_output("execute_result", data={"text/plain": "T", "text/html": "1"}, execution_count=1)
    assert replay(False, new_code_cell(table, outputs=[stored]))[0] == 0
    stored.data["text/plain"] = "U"
    assert replay(False, new_code_cell(table, outputs=[stored]))[0] == 1
