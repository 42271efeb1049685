"""Reading recorded runs: tables beside the published values, and learning curves."""

import numpy as np

from .. import results
from ..history import History
from ..tables import Table
from . import suites
from .run import folder


def runs(suite, epochs=None):
    """{configuration's name: [the contents of its files, by seed]}; an empty list where none is recorded.

    All that the suite's table lists, runs of other suites beside its own included.
    """
    every = {name: [results.read(file) for file in sorted(folder(name, epochs).glob("*.json"))]
             for name in {name for name, _ in suites.listed(suite)}}
    return {c.name: sorted((run for run in every[name] if run["name"] == c.name), key=lambda run: run["seed"])
            for name, c in suites.listed(suite)}


def histories(suite, seed=0):
    """{label: History} of the recorded runs of one seed, as plots.curves takes them."""
    recorded = runs(suite)
    score = suites.named(suite).score
    return {_label(c): History(run["history"], score=score) for c in _by_method(suite)
            for run in recorded[c.name] if run["seed"] == seed}


def _by_method(suite):
    """The configurations as a table lists them: method by method, K rising."""
    configurations = [c for _, c in suites.listed(suite)]
    methods = list(dict.fromkeys(c.method for c in configurations))
    return sorted(configurations, key=lambda c: (methods.index(c.method), c.K))


def _label(c):
    return f"{c.method}, K = {c.K}, {c.head}" if c.K > 1 else c.method


def table(suite, epochs=None):
    """Test errors of a suite's recorded runs as a tables.Table, with where they come from and what is missing below.

    Columns: seeds; error, of the suite's prediction (default: the last head) after the last epoch, in percent, or of
    a text bits per byte; spread over the seeds; gap to backprop at the same seeds. Where a paper reports values also
    best, the last head's error of the best epoch, the published one and the difference of `error` to it.
    """
    spec, recorded = suites.named(suite), runs(suite, epochs)
    compared = any(c.published for c in spec.configurations)
    rows = [_row(c, recorded, spec, compared) for c in _by_method(suite) if recorded[c.name]]
    if not any(recorded[c.name] for c in spec.configurations):
        return Table([], notes=f"No run of {spec.title} is recorded yet: {_command(suite, epochs)}; published values: "
                               f"{spec.source}.")
    title = f"{spec.title}, {epochs or spec.epochs} epochs: test {spec.score.error_name}{spec.score.in_unit}"
    return Table(rows, title, list(_notes(suite, epochs, recorded, compared)), spec.score.digits + 1)


def _row(c, recorded, spec, compared):
    errors, best = [_error(run, spec) for run in recorded[c.name]], [_best(run, spec) for run in recorded[c.name]]
    backprop = {run["seed"]: _error(run, spec) for run in recorded.get("backprop", [])}
    gaps = [_error(run, spec) - backprop[run["seed"]] for run in recorded[c.name] if run["seed"] in backprop]
    digits = spec.score.digits + 1
    row = {"method": c.method, "K": c.K, "head": c.head if c.K > 1 or c.cut else None, "seeds": len(errors),
           spec.score.error_name: float(np.mean(errors)),
           "spread": float(np.std(errors, ddof=1)) if len(errors) > 1 else None,
           "gap": f"{np.mean(gaps):+.{digits}f}" if gaps and c.name != "backprop" else None}
    if compared:
        mean, std = c.published or (None, None)
        spread = "" if std is None else f" +- {std:.{digits}f}"
        row |= {"best": float(np.mean(best)), "published": c.published and f"{mean:.{digits}f}{spread}",
                "difference": c.published and f"{np.mean(errors) - mean:+.{digits}f}"}
    return row


def _error(run, spec):
    return spec.score.error(run["predictions"][spec.prediction]) if spec.prediction else run["error"]


def predictions(suite, names, epochs=None):
    """Test errors of a suite's recorded runs by several ways to predict, as a Table: means over the seeds.

    names: as groups.ensembles has them; a column each, empty where a network has no such head.
    """
    recorded, rows, score = runs(suite, epochs), [], suites.named(suite).score
    for c in _by_method(suite):
        if said := [run["predictions"] for run in recorded[c.name] if "predictions" in run]:
            rows.append({"method": c.method, "K": c.K, "seeds": len(said)} | {
                name: score.error(float(np.mean([each[name] for each in said]))) if name in said[0] else None
                for name in names})
    if not rows:
        return Table([], notes=f"No prediction is recorded yet: {_command(suite, epochs)}.")
    return Table(rows, f"{suites.named(suite).title}: test {score.error_name}{score.in_unit} by prediction",
                 digits=score.digits + 1)


def alignments(suite, K, epochs=None):
    """Alignment with backprop after training (measure.alignment) of a suite's recorded runs with K modules, as a Table:
    a column a module, means over the seeds."""
    recorded, rows = runs(suite, epochs), []
    for c in _by_method(suite):
        measured = [run["alignment"] for run in recorded[c.name] if run.get("alignment")]
        if c.K == K and measured:
            means = np.mean(measured, axis=0)
            rows.append({"method": c.method, "seeds": len(measured)} | {f"{j}": a for j, a in enumerate(means, 1)})
    title = f"{suites.named(suite).title}, K = {K}: cosine with backprop's gradient, by module"
    return Table(rows, title if rows else "", [] if rows else f"No alignment at K = {K} is recorded yet: "
                                                            f"{_command(suite, epochs)}.")


def _best(run, spec):
    """Lowest error of the last head over the epochs."""
    return spec.score.error(History(run["history"], score=spec.score).best)


def _notes(suite, epochs, recorded, compared):
    """Sentences that say what the table stands on."""
    spec, every = suites.named(suite), [run for found in recorded.values() for run in found]
    devices = ", ".join(sorted({run["device"] for run in every}))
    yield f"published values: {spec.source}"
    yield (f"ours: {len(every)} runs on {devices}, {', '.join(sorted({run['precision'] for run in every}))}, last epoch"
           + (", and the best one on the test images" if compared else ""))
    if spec.differs:
        yield spec.differs
    if any(run["data"]["kind"] == "imagefolder" for run in every):
        yield ("the images were an ImageFolder copy of CIFAR-10 (see results/README.md): "
               "about a point can come from that")
    if texts := sorted({(run["versions"]["python"], run["data"]["sha256"][:8]) for run in every
                        if run["data"]["kind"] == "library"}):
        said = "; ".join(f"Python {version}, {digest}" for version, digest in texts)
        yield f"the text is the source code of Python's library ({said}), which differs between versions"
    if missing := [_label(c) for c in _by_method(suite) if c in spec.configurations and not recorded[c.name]]:
        yield f"not recorded yet: {'; '.join(missing)}: {_command(suite, epochs)}"


def _command(suite, epochs):
    return f"`python -m llcourse reproduce {suite}{f' --epochs {epochs}' if epochs else ''}`"
