"""The package keeps its shape: short files, imports one way, a science half that needs no Jupyter."""

import ast
import subprocess
import sys
import tomllib

import pytest

from llcourse import paths

PACKAGE = paths.root() / "llcourse"
FILES = sorted(PACKAGE.rglob("*.py"))
LINES = 220


def room(file):
    """The top-level module of the package that a file belongs to: llcourse/data/cache.py is in `data`."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


LEVELS = [  # a module imports from its own level and those above; the science half ends before plots
    {"atomic", "interrupts", "paths", "progress"},
    {"data"},
    {"cost", "reach", "results", "timing"},
    {"local"},
    {"heads", "networks", "partition"},
    {"checkpoint", "history", "measure", "memory", "recipe", "schedules", "timeline"},
    {"steps"},
    {"training"},
    {"bench", "doctor", "reproduce"},
    {"plots", "panels"},
    {"course"},
    {"__main__", "__init__"},
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
COURSE_ONLY = {"plots", "panels", "course"}
SCIENCE = ["llcourse", *(f"llcourse.{name}" for name in LEVEL if name[0] != "_" and name not in COURSE_ONLY
                         and any(room(file) == name for file in FILES))]
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


def upward(file):
    """Imports of `file` that point to a later level."""
    rooms = {name.split(".")[1] for name in imports(file) if name.startswith("llcourse.")} & LEVEL.keys()
    return [name for name in rooms if LEVEL[name] > LEVEL[room(file)]]


def test_files_hold_one_idea():
    long = {str(f.relative_to(PACKAGE)): n for f in FILES if (n := len(f.read_text(encoding="utf-8").splitlines())) > LINES}
    assert not long


def test_every_module_has_its_level():
    assert {room(file) for file in FILES} <= LEVEL.keys()


def test_imports_point_one_way():
    assert not {str(f.relative_to(PACKAGE)): up for f in FILES if room(f) != "__init__" and (up := upward(f))}


def test_an_upward_import_is_noticed():
    node = ast.parse("from .. import plots").body[0]
    assert imported(node, PACKAGE / "data" / "images.py") == ["llcourse.plots"]
    assert LEVEL["plots"] > LEVEL["data"]


def test_the_science_half_imports_no_notebook_package():
    found = {str(f.relative_to(PACKAGE)): bad for f in FILES if room(f) not in COURSE_ONLY
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
import {", ".join(SCIENCE)}
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=paths.root(), capture_output=True, text=True)
    assert (run.returncode == 0) == ("torch" not in blocked), run.stderr


def test_requirements_are_those_of_the_package():
    project = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["course"], *project["optional-dependencies"]["test"]]
    lines = (paths.root() / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and line[0] not in "#-"] == declared
