"""Commands on a console that lacks letters, and beside a torchvision that does not start."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from llcourse import paths
from llcourse.data import DataError, command, official
from llcourse.data.sets import SETS


@pytest.mark.parametrize("folder, encoding, shown", [("fülle", "ascii", r"f\xfclle"), ("f\udcff", "utf-8", r"f\udcff")],
                         ids=["ascii", "no text at all"])
def test_a_folder_that_the_console_cannot_spell_is_named_all_the_same(tmp_path, folder, encoding, shown):
    """Two bytes that are no text make a name too, which Python keeps as surrogates."""
    try:
        os.makedirs(tmp_path / folder)
    except OSError:
        pytest.skip("this file system takes no such name")
    (tmp_path / folder / "README").write_text("images go here")
    run = subprocess.run(
        [sys.executable, "-m", "llcourse", "data"], cwd=paths.root(), capture_output=True, text=True,
        env=os.environ | {"PYTHONIOENCODING": f"{encoding}:strict", "LLCOURSE_DATA": str(tmp_path / folder),
                          "LLCOURSE_OFFLINE": "1", "XDG_CACHE_HOME": str(tmp_path)})
    assert run.returncode == 1 and not run.stderr
    assert run.stdout.startswith("CIFAR-10: CIFAR-10 is not in ") and f"{shown}, and" in run.stdout


class Broken:
    """An importer whose torchvision raises `error`."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision.datasets":
            raise self.error


@pytest.fixture(params=[RuntimeError("operator torchvision::nms does not exist"), ImportError("libc10.so: cannot open"),
                        OSError("undefined symbol: x"), AttributeError("no attribute 'x'")],
                ids=lambda error: type(error).__name__)
def broken(request, monkeypatch):
    monkeypatch.delitem(sys.modules, "torchvision.datasets", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(request.param), *sys.meta_path])
    return str(request.param)


def test_a_torchvision_that_does_not_start_is_a_sentence(broken, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("LLCOURSE_OFFLINE", raising=False)
    monkeypatch.setenv("LLCOURSE_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("README.md", "cifar-10-python.tar.gz"):  # nothing there, so to be fetched; an archive, to be read
        monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
        (tmp_path / name).touch()
        assert command.main(SimpleNamespace(name="cifar10")) == 1
        said = capsys.readouterr().out
        assert f"does not start ({broken}); what to do says: python -m llcourse doctor" in said
    with pytest.raises(DataError):
        official.files(SETS["svhn"])
