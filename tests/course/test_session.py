"""`begin` sets everything a chapter depends on, and says clearly what it cannot set."""

import random
import sys

import numpy as np
import pytest
import torch

from llcourse.course import session
from llcourse.course.session import begin
from llcourse.data import Source


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    for name in ("LLCOURSE_SEED", "LLCOURSE_THREADS", "LLCOURSE_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(session, "active", None)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_seeds_every_generator_and_prints_nothing(capfd, monkeypatch):
    begin("03")
    first = draw()
    assert begin("03").seed == 0 and draw() == first
    monkeypatch.setenv("LLCOURSE_SEED", "7")
    assert begin("03").seed == 7
    assert all(a != b for a, b in zip(draw(), first))
    assert capfd.readouterr() == ("", "")


def test_threads_and_device_from_the_environment(monkeypatch):
    monkeypatch.setenv("LLCOURSE_THREADS", "1")
    monkeypatch.setenv("LLCOURSE_DEVICE", "cpu")
    assert begin("03").threads == torch.get_num_threads() == 1
    assert session.active.device == torch.device("cpu")
    monkeypatch.delenv("LLCOURSE_THREADS")
    assert begin("03").threads == session.cores() == torch.get_num_threads()


@pytest.mark.parametrize("variable, value", [("LLCOURSE_SEED", "-1"), ("LLCOURSE_SEED", "x"), ("LLCOURSE_THREADS", "0"),
                                             ("LLCOURSE_DEVICE", "tpu")])
def test_a_setting_that_cannot_be_is_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"{variable} is '{value}'.*leave it unset"):
        begin("03")


@pytest.mark.parametrize("package", ["seaborn", "ipywidgets"])
def test_a_missing_package_comes_with_its_mend(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"'{package}'.*make install"):
        begin("03")


def test_report_names_versions_threads_and_images_but_no_path(monkeypatch, capsys):
    monkeypatch.setattr(session, "image_source", lambda: Source("imagefolder", "/nowhere/cifar", "ab" * 32))
    begin("03").report()
    out = capsys.readouterr().out
    assert f"torch {torch.__version__.split('+')[0]}" in out and "imagefolder" in out and "abababababab" in out
    assert "nowhere" not in out
