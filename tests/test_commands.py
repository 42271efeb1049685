"""`python -m llcourse`: each command is there, imported only when called."""

import importlib
import re
import subprocess
import sys

import pytest

from llcourse import paths
from llcourse.__main__ import COMMANDS, main


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_commands(capsys, arguments):
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)


def test_an_unknown_command_names_the_known(capsys):
    assert main(["doktor"]) == 2
    assert "no command 'doktor'; it has doctor, data, run, bench" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["steps", "text"])
@pytest.mark.parametrize("arguments, message", [
    (["--batch", "0"], "--batch is 0; it is a whole number from 2"), (["--rounds", "0"], "--rounds is 0"),
    (["--batch", "-1"], "--batch is -1"), (["--device", "foo"], "foo")])
def test_a_bench_that_cannot_be_says_why(capsys, what, arguments, message):
    assert main(["bench", what, *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("module", [module for module, _ in COMMANDS.values()])
def test_every_command_can_be_configured_and_run(module):
    command = importlib.import_module(module)
    assert callable(command.configure) and callable(command.main)


def test_help_imports_no_torch():
    program = ("import runpy, sys; sys.argv = ['llcourse', '--help']\n"
               "try: runpy.run_module('llcourse', run_name='__main__')\n"
               "except SystemExit as end: print(end.code, 'torch' in sys.modules)")
    run = subprocess.run([sys.executable, "-c", program], cwd=paths.root(), capture_output=True, text=True)
    assert run.stdout.endswith("0 False\n"), run.stderr


@pytest.mark.parametrize("mine, spins", [
    ({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, "0")])
def test_threads_of_torch_spin_for_a_while_and_then_sleep(monkeypatch, mine, spins):
    """They read the environment when torch is loaded, and show what they read; what somebody has set stays."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"OMP_DISPLAY_ENV": "verbose", **mine}.items():
        monkeypatch.setenv(name, value)
    run = subprocess.run([sys.executable, "-c", "import llcourse, torch; torch.rand(9).sum()"], cwd=paths.root(),
                         capture_output=True, text=True, check=True)
    if "GOMP_SPINCOUNT" not in run.stderr:
        pytest.skip("torch's threads are not those of GNU's OpenMP here")
    assert re.search(rf"GOMP_SPINCOUNT\s*=\s*'{spins}'", run.stderr), run.stderr


def test_the_exit_status_is_the_commands(monkeypatch):
    command = importlib.import_module("llcourse.course.run")
    monkeypatch.setattr(command, "main", lambda args: 3 if args.chapter == "03" else 0)
    assert main(["run", "03"]) == 3
