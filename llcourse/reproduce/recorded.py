"""Reading recorded runs: tables beside the published values, and learning curves."""

import numpy as np

from .. import results
from ..history import History
from . import suites
from .run import folder


def runs(suite, epochs=None):
    """{configuration's name: [the contents of its files, by seed]}; an empty list where none is recorded."""
    found = {c.name: [] for c in suites.named(suite).configurations}
    for file in sorted(folder(suite, epochs).glob("*.json")):
        run = results.read(file)
        if run["name"] in found:
            found[run["name"]].append(run)
    return {name: sorted(recorded, key=lambda run: run["seed"]) for name, recorded in found.items()}


def histories(suite, seed=0):
    """{label: History} of the recorded runs of one seed, as plots.curves takes them."""
    recorded = runs(suite)
    return {_label(c): History(run["history"]) for c in _by_method(suite)
            for run in recorded[c.name] if run["seed"] == seed}


def _by_method(suite):
    """The configurations as a table lists them: method by method, K rising."""
    configurations = suites.named(suite).configurations
    methods = list(dict.fromkeys(c.method for c in configurations))
    return sorted(configurations, key=lambda c: (methods.index(c.method), c.K))


def _label(c):
    return f"{c.method}, K = {c.K}, {c.head}" if c.K > 1 else c.method


def table(suite, epochs=None):
    """Test errors of a suite as text: ours, their spread over seeds, their gap to backprop at the same seeds, the
    published, the difference to it.

    What is not recorded yet says so, and the last lines say where the runs come from and which command makes the rest.
    """
    spec, recorded = suites.named(suite), runs(suite, epochs)
    compared = any(c.published for c in spec.configurations)
    lines = [f"{spec.title}, {epochs or spec.epochs} epochs: test error (%)",
             f"{'method':<18}{'K':>3}  {'head':<8}{'seeds':>6}{'error':>8}{'spread':>8}{'gap':>8}"
             + (f"{'published':>16}{'difference':>12}" if compared else "")]
    backprop = {run["seed"]: run["error"] for run in recorded.get("backprop", [])}
    for c in _by_method(suite):
        errors = [run["error"] for run in recorded[c.name]]
        cells = f"{c.method:<18}{c.K:>3}  {c.head if c.K > 1 else '-':<8}"
        spread = f"{np.std(errors, ddof=1):.2f}" if len(errors) > 1 else "-"
        gaps = [run["error"] - backprop[run["seed"]] for run in recorded[c.name] if run["seed"] in backprop]
        gap = f"{np.mean(gaps):+.2f}" if gaps and c.name != "backprop" else "-"
        cells += (f"{len(errors):>6}{np.mean(errors):>8.2f}{spread:>8}{gap:>8}" if errors
                  else f"{'not yet recorded':>30}")
        if c.published:
            mean, std = c.published
            cells += f"{f'{mean:.2f} +- {std:.2f}':>16}" + (f"{np.mean(errors) - mean:>+12.2f}" if errors else "")
        lines.append(cells.rstrip())
    return "\n".join([*lines, *_origin(suite, epochs, recorded)])


def _origin(suite, epochs, recorded):
    """Lines that say what the table stands on."""
    every = [run for found in recorded.values() for run in found]
    yield f"published values: {suites.named(suite).source}"
    if every:
        devices = ", ".join(sorted({run["device"] for run in every}))
        yield (f"ours: {len(every)} runs on {devices}, {', '.join(sorted({run['precision'] for run in every}))}, "
               "last epoch")
    if any(run["data"]["kind"] == "imagefolder" for run in every):
        yield ("the images were an ImageFolder copy of CIFAR-10 (see results/README.md): "
               "about a point can come from that")
    if not all(recorded.values()):
        yield (f"to record what is missing: python -m llcourse reproduce {suite}"
               + (f" --epochs {epochs}" if epochs else ""))
