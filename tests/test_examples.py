"""The examples in the docstrings are true, and what a reader types most has one."""

import doctest
import pkgutil
from functools import reduce
from importlib import import_module

import pytest

import llcourse
from llcourse.data import sources

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
TYPED_MOST = ["data.load", "networks.resnet", "networks.Network.cut", "LocalNetwork", "reach.interlocking",
              "reach.check", "train", "Recipe", "History", "measure.reach", "measure.probe", "measure.reconstruct",
              "objectives.InfoPro", "cost.count", "timeline.simulate"]
MODULES = [import_module(name) for _, name, _ in pkgutil.walk_packages(llcourse.__path__, "llcourse.")]
EXAMPLES = {test.name: test for module in [llcourse, *MODULES] for test in doctest.DocTestFinder().find(module)
            if any(doctest.SKIP not in line.options for line in test.examples)}  # what is never run is no example


@pytest.fixture(autouse=True)
def standin(tmp_path, monkeypatch):
    """Examples load the stand-in, without its announcement: the same on every machine, and nothing is downloaded."""
    (tmp_path / "nothing.txt").touch()  # a data folder that is empty would be an error
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")
    monkeypatch.setattr(sources, "_announce", lambda image_set, why: None)
    monkeypatch.setattr(sources, "_standin_loaded", sources.standin_in_use())  # put back behind the example


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name):
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(EXAMPLES[name], out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", TYPED_MOST)
def test_what_is_typed_most_has_an_example(name):
    found = reduce(getattr, name.split("."), llcourse)
    assert f"{found.__module__}.{found.__qualname__}" in EXAMPLES, f"the docstring of llcourse.{name} has no example"
