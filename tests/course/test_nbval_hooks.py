"""The nbval plugin, run as `make test` runs it on small notebooks: nothing that is not compared passes silently."""

import os
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_output

from llcourse import paths, results
from llcourse.data import DataError, Source
from tests import nbval_hooks


def cell(source, printed, **options):
    return new_code_cell(
        source, outputs=[new_output("stream", name="stdout", text=printed)] if printed else [], **options)


def table(plain):
    source = "class T:\n    def __repr__(self): return 'T'\n    def _repr_html_(self): return str(id(self))\nT()"
    return new_code_cell(source, outputs=[new_output("execute_result", data={"text/plain": plain, "text/html": "1"},
                                                     execution_count=1)])


FREE = {"tags": ["nbval-ignore-output"]}


def replay(make_notebook, standin, chapters, workers=0):
    """Run {file name: cells} as `make test` does; returns (exit status, what pytest printed)."""
    files = []
    for name, cells in chapters.items():
        for n, each in enumerate(cells, 1):
            each.execution_count = n
        files.append(str(make_notebook(*cells, name=name)))
    options = ["-q", "-n", str(workers), "--dist", "loadscope", "-p", "tests.nbval_hooks", "--nbval",
               "--nbval-current-env", *files]
    program = (f"import sys, pytest\nfrom tests import nbval_hooks\nnbval_hooks.only_standin = lambda: {standin}\n"
               f"sys.exit(pytest.main({options}))")
    done = subprocess.run([sys.executable, "-c", program], cwd=paths.root(), capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": "."})
    return done.returncode, done.stdout


def test_with_cifar10_a_difference_fails_and_names_the_cell(make_notebook):
    status, said = replay(make_notebook, False, {
        "01_numbers.ipynb": [cell("print(1)", "1\n"), cell("print(2)", "3\n", id="sum"),
                             cell("print(4)", "5\n", metadata=FREE)],
        "02_tables.ipynb": [table("T"), table("U")],
    })
    assert status == 1
    assert "code cell 2 (id sum): " in said
    assert "01_numbers.ipynb: 1 cells compared, 1 free, 0 NOT COMPARED, 1 failed" in said
    # Tables: their HTML may differ, their text may not.
    assert "02_tables.ipynb: 1 cells compared, 0 free, 0 NOT COMPARED, 1 failed" in said


def test_without_cifar10_cells_run_and_are_reported_and_an_exception_fails(make_notebook):
    status, said = replay(make_notebook, True, {
        "01_raises.ipynb": [cell("print(1)", "2\n"), cell("1 / 0", "", id="split"), cell("print(2)", "2\n")],
        "02_differs.ipynb": [cell("print(1)", "2\n"), cell("print(1)", "2\n", metadata=FREE)],
    }, workers=1)
    assert status == 1 and "code cell 2 (id split): " in said and "ZeroDivisionError" in said
    assert "01_raises.ipynb: 0 cells compared, 0 free, 2 NOT COMPARED, 1 failed" in said
    assert "02_differs.ipynb: 0 cells compared, 1 free, 1 NOT COMPARED, 0 failed" in said
    assert "NOT COMPARED: there is no CIFAR-10 on this machine" in said
    assert said.splitlines()[-1].startswith("1 failed, 1 passed, 3 skipped")


@pytest.mark.parametrize("kind, expected", [("standin", True), ("imagefolder", False), ("official", False)])
def test_what_counts_as_no_cifar10(monkeypatch, capsys, kind, expected):
    def loud():
        print("STAND-IN")
        return Source(kind, "here", "ab" * 32)

    monkeypatch.setattr(results, "image_source", loud)
    assert nbval_hooks.only_standin() is expected
    assert capsys.readouterr().out == ""


def test_broken_images_are_compared_and_so_fail(monkeypatch):
    def broken():
        raise DataError("truncated")

    monkeypatch.setattr(results, "image_source", broken)
    assert nbval_hooks.only_standin() is False


def test_only_chapters_are_tests(tmp_path):
    notebooks = paths.root() / "notebooks"
    assert nbval_hooks.pytest_ignore_collect(notebooks / "00_start_here_mine.ipynb")
    for path in (notebooks / "00_start_here.ipynb", tmp_path / "01_raises.ipynb", notebooks):
        assert nbval_hooks.pytest_ignore_collect(path) is None
