"""Recording a chapter's claims over seeds, so that the text can say with which margin they hold."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import nbformat
import numpy as np

from .. import results
from ..recipe import Recipe
from . import chapters, session


def record(number, path, seeds, jobs=1):
    """Execute chapter `number` for seeds 0 .. seeds-1, `jobs` at a time, and write results/claims/<number>.json.

    A finished seed is kept: a run that was stopped goes on with the seeds that are missing. The kept seeds belong to
    the code of the chapter and the package, the images and the torch that made them; after a change all run again.
    Raises ChapterError if a seed stops, if the images are the stand-in, or if the claims differ between seeds.
    """
    if seeds < 2 or jobs < 1:
        raise chapters.ChapterError(f"a spread needs at least 2 seeds, and 1 job; got {seeds} and {jobs}")
    command = f"python -m llcourse run {number} --seeds {seeds}" + (f" --jobs {jobs}" if jobs > 1 else "")
    made_by = results.provenance(command)
    if made_by["data"]["kind"] == "standin":
        raise chapters.ChapterError("claims are recorded on CIFAR-10, and none is here: "
                                    "python -m llcourse data cifar10")
    threads = str(max(1, session.cores() // jobs))
    code = chapters.code_hash(nbformat.read(path, as_version=4))
    key = _key(code, made_by["data"]["sha256"], threads)
    folder = chapters.executed() / "seeds" / f"{number}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in range(seeds) if not (folder / f"{seed}.json").exists()]
    print(f"{number}: {seeds - len(missing)} of {seeds} seeds are there, {len(missing)} to run", flush=True)
    if missing:
        results.warn_if_unclean()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(lambda seed: _run_seed(number, path, folder, seed, threads), missing))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the first failure, or Ctrl-C: start no further seed
            raise
    runs = [results.read(folder / f"{seed}.json") for seed in range(seeds)]
    summary = made_by | {
        "code": code,
        "threads": int(threads),
        "precision": Recipe().precision,  # what chapters compute in
        "seeds": list(range(seeds)),
        "minutes": round(sum(run["minutes"] for run in runs), 2),
        "claims": _summarise(number, runs),
    }
    results.write(results.claims_file(number), summary)
    print(f"{number}: {os.path.relpath(results.claims_file(number))} has {len(summary['claims'])} claims", flush=True)


def _key(code, images, threads):
    """Changes whenever values of finished seeds could not be mixed with new ones."""
    return hashlib.sha256(f"{code} {images} {threads} {results.code_digest()}".encode()).hexdigest()[:12]


def _run_seed(number, path, folder, seed, threads):
    lines = folder / f"{seed}.jsonl"
    lines.unlink(missing_ok=True)  # of a seed that was stopped half-way
    _, minutes, error = chapters.execute(
        path, LLCOURSE_SEED=str(seed), LLCOURSE_CLAIMS=str(lines), LLCOURSE_THREADS=threads)
    if error:
        raise chapters.ChapterError(f"seed {seed}: {error}")
    if not lines.exists():
        raise chapters.ChapterError(f"chapter {number} makes no claim: there is nothing to record")
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    results.write(folder / f"{seed}.json", {"minutes": minutes, "claims": rows})
    lines.unlink()
    print(f"{number}: seed {seed} done in {minutes:.2f} minutes", flush=True)


def _summarise(number, runs):
    """One entry a claim: text, threshold, the value at every seed, their min, mean and sample standard deviation."""
    stated = [[(row["text"], row["over"]) for row in run["claims"]] for run in runs]
    for seed, claims in enumerate(stated):
        if claims != stated[0]:
            raise chapters.ChapterError(f"chapter {number} claims other things at seed {seed} than at seed 0: "
                                        f"{claims} against {stated[0]}; a claim's text and threshold may "
                                        "hold no measured value")
    entries = []
    for n, (text, over) in enumerate(stated[0]):
        values = [run["claims"][n]["value"] for run in runs]
        entries.append({"text": text, "over": over, "values": values, "min": float(np.min(values)),
                        "mean": float(np.mean(values)), "std": float(np.std(values, ddof=1))})  # a NaN stays one
    return entries
