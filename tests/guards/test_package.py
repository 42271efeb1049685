"""The package keeps its shape: short files, imports one way, a science half that needs no Jupyter."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter

import pytest

from llcourse import paths

PACKAGE = paths.root() / "llcourse"
FILES = sorted(PACKAGE.rglob("*.py"))
LINES = 220


def room(file):
    """The top-level module of the package that a file belongs to: llcourse/data/cache.py is in `data`."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def levels(text):
    """The table of CONTRIBUTING.md: the names that stand in each row's first column, row by row."""
    section = text.partition("## Where things are\n")[2].partition("\n## ")[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return [names for first in firsts if (names := re.findall(r"`(\w+)(?:\.py|/)`", first))]


def misplaced(rows):
    """Rooms without a row or with two, and names in a row that are no room."""
    stands, rooms = Counter(name for names in rows for name in names), {room(file) for file in FILES}
    return {name for name in rooms | stands.keys() if name not in rooms or stands[name] != 1}


TABLE = (paths.root() / "CONTRIBUTING.md").read_text(encoding="utf-8")
LEVEL = {name: level for level, names in enumerate(levels(TABLE)) for name in names}  # imports point to no later one
SCIENCE = [name for name in LEVEL if LEVEL[name] < LEVEL["plots"]]
NOTEBOOK_PACKAGES = {"IPython", "ipywidgets", "jupyter_client", "jupyter_core", "jupyterlab", "matplotlib", "nbclient",
                     "nbformat", "nbval", "seaborn"}


def imported(node, file):
    """Absolute dotted names that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level == 0:
        base = node.module
    else:
        package = ["llcourse", *file.relative_to(PACKAGE).parts[:-1]]
        base = ".".join([*package[:len(package) - node.level + 1], *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names]


def imports(file, top_only=False):
    nodes = ast.parse(file.read_text(encoding="utf-8"))
    nodes = nodes.body if top_only else ast.walk(nodes)
    return [name for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)) for name in imported(node, file)]


def upward(names, at):
    """Rooms among imported `names` that stand in a later row than the room `at`."""
    rooms = {name.split(".")[1] for name in names if name.startswith("llcourse.")} & LEVEL.keys()
    return sorted(name for name in rooms if LEVEL[name] > LEVEL[at])


def test_files_hold_one_idea():
    lines = {str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert not {name: n for name, n in lines.items() if n > LINES}


def test_every_module_stands_in_one_row():
    assert not misplaced(levels(TABLE))


@pytest.mark.parametrize("change, name", [
    (lambda row: "", "data"), (lambda row: 2 * row, "data"), (lambda row: row.replace("data/", "date/"), "date"),
], ids=["missing", "twice", "misspelt"])
def test_a_wrong_row_is_noticed(change, name):
    row = next(line for line in TABLE.splitlines(keepends=True) if line.startswith("| `data/` |"))
    assert name in misplaced(levels(TABLE.replace(row, change(row))))


def test_imports_point_one_way():
    assert not {str(file.relative_to(PACKAGE)): up for file in FILES if (up := upward(imports(file), room(file)))}


def test_an_upward_import_is_noticed():
    node = ast.parse("from .. import plots, paths").body[0]
    names = imported(node, PACKAGE / "data" / "images.py")
    assert names == ["llcourse.plots", "llcourse.paths"] and upward(names, "data") == ["plots"]


def test_the_science_half_imports_no_notebook_package():
    found = {str(f.relative_to(PACKAGE)): bad for f in FILES if room(f) in SCIENCE
             and (bad := {name.split(".")[0] for name in imports(f, top_only=True)} & NOTEBOOK_PACKAGES)}
    assert not found


@pytest.mark.parametrize("blocked", [NOTEBOOK_PACKAGES, {"torch"}], ids=["without notebooks", "the blocker blocks"])
def test_import_without(blocked):
    program = f"""
import sys
import tomllib
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name + " is blocked", name=name)
sys.meta_path.insert(0, Blocker())
import {", ".join(f"llcourse.{name}" for name in SCIENCE if name != "__init__")}
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=paths.root(), capture_output=True, text=True)
    assert (run.returncode == 0) == ("torch" not in blocked), run.stderr


def test_requirements_are_those_of_the_package():
    project = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    declared = [*project["dependencies"], *optional["course"], *optional["test"]]
    lines = (paths.root() / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and line[0] not in "#-"] == declared


FINALISERS = {"def __del__(self):": 1, "weakref.finalize(x, f)": 1, "weakref.ref(x, f)": 1, "weakref.ref(x)": 0}


def finalisers(tree):
    """Python code that runs where an object dies: a KeyboardInterrupt that meets it is swallowed, and the cell goes
    on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__del__":
            yield node
        if isinstance(node, ast.Call) and (
                (name := ast.unparse(node.func)) == "weakref.finalize" or name == "weakref.ref" and len(node.args) > 1):
            yield node


def test_nothing_runs_where_an_object_dies():
    assert not {str(file): len(found) for file in FILES
                if (found := list(finalisers(ast.parse(file.read_text(encoding="utf-8")))))}


@pytest.mark.parametrize("code, count", FINALISERS.items())
def test_a_finaliser_is_noticed(code, count):
    assert len(list(finalisers(ast.parse(code + " pass" * code.endswith(":"))))) == count
