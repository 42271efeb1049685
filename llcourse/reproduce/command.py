"""`python -m llcourse reproduce SUITE`: the runs of a suite, each in a process of its own, within a budget of time."""

import multiprocessing
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed

import torch

from .. import interrupts, results
from . import recorded, suites
from .run import Job, execute, folder


def configure(parser):
    parser.add_argument("suite", choices=suites.SUITES, help="what to train")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="train at seeds 0 .. N-1 (default 1)")
    parser.add_argument("--epochs", type=int,
                        help="another total than the suite's; such runs lie apart and enter no chapter")
    parser.add_argument("--device", help="cuda or cpu (default: a GPU where there is one)")
    parser.add_argument("--jobs", type=int, default=1,
                        help="runs at a time, each on its share of the cores (default 1)")
    parser.add_argument("--minutes", type=float, help="a budget: no run is started that would not end within it")


def main(args):
    """Train what is missing and print the table; 1 if a run failed or the arguments cannot be, else 0."""
    suite = suites.named(args.suite)
    epochs = suite.epochs if args.epochs is None else args.epochs
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if problem := _problem(args, suite, epochs, device):
        print(problem, file=sys.stderr)
        return 1
    if refused := suite.refused():
        print(refused, file=sys.stderr)
        return 1
    deadline = None if args.minutes is None else time.time() + 60 * args.minutes
    threads = max(1, torch.get_num_threads() // args.jobs)
    jobs = [Job(args.suite, c.name, seed, epochs, device, threads, deadline, _command(args))
            for seed in range(args.seeds) for c in suite.configurations]  # a second seed tells less than a missing row
    missing = [job for job in jobs if not job.file.exists()]
    print(f"{args.suite}: {len(jobs) - len(missing)} of {len(jobs)} runs are there, "
          f"{len(missing)} to make on {device}; results go to {folder(args.suite, epochs)}", flush=True)
    if missing:
        results.warn_if_unclean()
    failed = work_off(missing, args.jobs)
    print(f"\n{recorded.table(args.suite, epochs)}")
    return int(failed)


def _problem(args, suite, epochs, device):
    """Why these arguments cannot be, or None."""
    try:
        for configuration in suite.configurations:
            suite.epochs_of_a_phase(configuration, epochs)
        torch.empty(0, device=device)
    except (ValueError, RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    if args.seeds < 1 or args.jobs < 1:
        return f"at least one seed and one job are needed; got {args.seeds} and {args.jobs}"
    return None


def _command(args):
    options = {"seeds": args.seeds, "epochs": args.epochs, "device": args.device, "jobs": args.jobs,
               "minutes": args.minutes}
    given = [f" --{name} {value}" for name, value in options.items()
             if value is not None and (name, value) not in (("seeds", 1), ("jobs", 1))]
    return f"python -m llcourse reproduce {args.suite}" + "".join(given)


def work_off(jobs, width):
    """Make `jobs`, `width` at a time, one line a run; True if one failed. Ctrl-C loses nothing that is finished."""
    failed, began, finished, stop = False, time.time(), 0, threading.Event()
    with ThreadPoolExecutor(width) as pool:
        try:
            with interrupts.held():  # a thread whose start is interrupted would be unknown to the pool
                running = {pool.submit(_apart, job, width, stop): job for job in jobs}
            for n, future in enumerate(as_completed(running), 1):
                job, minutes = running[future], (time.time() - began) / 60
                try:
                    said = future.result() or _summary(job)
                    finished += job.file.exists()
                except Exception as error:  # of any kind, in a process of its own: the other runs go on
                    traceback.print_exception(error)
                    failed, said = True, f"FAILED, {type(error).__name__}: {error}"
                left = f"; about {minutes / finished * (len(jobs) - n):.0f} minutes left" if finished else ""
                print(f"[{n}/{len(jobs)}] {job.name}: {said}{left}", flush=True)
        except KeyboardInterrupt:
            print("\nstopped: what is finished is kept, and the same command goes on from here", file=sys.stderr)
            stop.set()
            closing = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True})
            closing.start()
            while closing.is_alive():
                for process in multiprocessing.active_children():  # again and again: one may just be starting
                    process.terminate()  # it has saved its epochs
                closing.join(0.1)
            return True
    return failed


def _apart(job, width, stop):
    """`execute` in a fresh process: its peak memory is its own, and where it dies the others live."""
    if stop.is_set() or (job.deadline is not None and time.time() > job.deadline):
        return "not started, no time is left"
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin_process, (width == 1,)) as process:
        return process.submit(execute, job).result()


def _begin_process(with_bar):
    if not with_bar:
        os.environ["LLCOURSE_PROGRESS"] = "0"  # bars of several runs would write over each other
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()  # no run outlives its command


def _summary(job):
    run = results.read(job.file)
    score = suites.named(run["suite"]).score
    error = f"{score.error_name} {run['error']:.{score.digits + 1}f} {score.unit}".rstrip()
    return f"{error} in {run['minutes']:.1f} minutes"
