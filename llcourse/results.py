"""Recorded results: what was measured, by which code, on which machine and data. Written whole or not at all."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from datetime import date
from hashlib import sha256
from pathlib import Path

import torch

from . import data, paths
from .atomic import replacing


def image_source():
    """The data.Source of the CIFAR-10 that a chapter loads on this machine."""
    return data.load("cifar10", train=10, test=10).source


def provenance(command, device=None, source=None):
    """Who measured: command, commit, whether the tree was clean, versions, processor, data and date.

    Files in results/ do not make a tree unclean: a suite goes on while its first runs are still uncommitted.
    source: the data.Source of what was measured on (default: of the CIFAR-10 here).
    """
    source = source or image_source()
    on_gpu = torch.cuda.is_available() if device is None else torch.device(device).type == "cuda"
    return {
        "command": command,
        "commit": _git("rev-parse", "HEAD") or None,
        "clean": _uncommitted() == "",
        "versions": {"python": platform.python_version()} | {
            name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")},
        "device": torch.cuda.get_device_name(device) if on_gpu else f"cpu ({platform.machine()})",
        "cores": os.cpu_count(),
        "data": {"kind": source.kind, "sha256": source.sha256},
        "date": date.today().isoformat(),
    }


def warn_if_unclean():
    """Say, before hours of recording, that provenance will not call the tree clean, and why; nothing without git."""
    files = [line.split(maxsplit=1)[1] for line in (_uncommitted() or "").splitlines()]
    if files:
        print(f"no commit holds {', '.join(files[:3])}{f' and {len(files) - 3} more' if files[3:] else ''}: what is "
              'recorded now says "clean": false: nobody can make it again from its commit. Commit or move that first',
              file=sys.stderr)


def code_digest():
    """A short name for the package's code and its torch: what was computed under one is not mixed with another's."""
    digest = sha256(torch.__version__.encode())
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _uncommitted():
    """A line each file that differs from the commit, or is in none; None without git."""
    return _git("status", "--porcelain", "--", ".", ":(exclude)results")


def _git(*arguments):
    try:
        run = subprocess.run(["git", *arguments], cwd=paths.root(), capture_output=True, text=True,
                             stdin=subprocess.DEVNULL)
    except FileNotFoundError:  # a machine without git
        return None
    return run.stdout.strip() if run.returncode == 0 else None


def claims_file(chapter):
    """Where the recorded claims of a chapter ("03") lie."""
    return paths.results() / "claims" / f"{chapter}.json"


def minutes_file():
    """Where the measured minutes of every chapter lie: {chapter: {minutes, cores, threads, device, versions, date}}."""
    return paths.results() / "minutes.json"


def read(file):
    """The contents of a JSON results file, or None where it has not been recorded."""
    return json.loads(Path(file).read_text(encoding="utf-8")) if Path(file).exists() else None


def write(file, contents):
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    with replacing(file) as partial:
        partial.write_text(_lines(contents), encoding="utf-8")


def _lines(contents):
    """JSON with a line an entry, and a line an item in a list of objects: short, and readable as a diff."""
    entries = []
    for key, value in contents.items():
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        text = "[\n  " + ",\n  ".join(map(_json, value)) + "\n ]" if rows else _json(value)
        entries.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _json(value):
    return json.dumps(value, default=_bare)


def _bare(value):
    """A number of numpy or torch as JSON has it, an array as lists."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"a result is made of numbers, texts, lists and dicts; got {value!r}")
    return value.tolist()
