"""`python -m llcourse run [03]`: execute chapters without a browser."""

import os
import sys

import nbformat

from .. import results
from ..atomic import replacing
from . import chapters, record, session


def configure(parser):
    parser.add_argument("chapter", nargs="?", help="its number, 03 (default: every chapter)")
    parser.add_argument("--inplace", action="store_true",
                        help="rewrite the notebooks and results/minutes.json: what an author commits")
    parser.add_argument("--seeds", type=int, metavar="N",
                        help="execute once for each seed 0 .. N-1 and write results/claims/")
    parser.add_argument("--jobs", type=int, default=1,
                        help="seeds at a time, each on its share of the cores (default 1)")


def main(args):
    """Execute, say where the results are; 1 if a chapter stopped or a recording could not be made, else 0."""
    failed = False
    try:
        found = chapters.find(args.chapter and args.chapter.zfill(2))
        if args.inplace and args.seeds is not None:
            raise chapters.ChapterError("--inplace rewrites a notebook and --seeds records its claims: one at a time")
    except chapters.ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    for number, path in found.items():
        try:
            if args.seeds is not None:
                record.record(number, path, args.seeds, args.jobs)
            else:
                _execute(number, path, args.inplace)
        except chapters.ChapterError as error:
            print(error, file=sys.stderr)
            failed = True
    return int(failed)


def _execute(number, path, inplace):
    print(f"{number}: executing {path.name}", flush=True)
    # before it rewrites
    measured = results.provenance(f"python -m llcourse run {number} --inplace") if inplace else None
    notebook, minutes, error = chapters.execute(path)
    target = path if inplace and not error else chapters.executed() / path.name
    with replacing(target) as partial:
        nbformat.write(chapters.clean(notebook), partial)
    print(f"{number}: {'stopped after' if error else 'done in'} {minutes:.2f} minutes, "
          f"{os.path.relpath(target)} has the outputs", flush=True)
    if error:
        raise error
    if inplace:
        _note_minutes(number, minutes, measured)


def _note_minutes(number, minutes, measured):
    """Add a chapter's minutes, and what they were measured on, to results/minutes.json."""
    threads = int(os.environ.get("LLCOURSE_THREADS", session.cores()))
    every = results.read(results.minutes_file()) or {}
    every[number] = {"minutes": round(minutes, 2), "threads": threads, **measured}
    results.write(results.minutes_file(), dict(sorted(every.items())))
