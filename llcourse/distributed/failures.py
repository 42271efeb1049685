"""What ended an attempt at a job: what workers have noted of themselves and of each other, and torchrun of who died."""

import json
import re
import signal
import socket
from pathlib import Path

from ..atomic import replacing
from . import saving

FIRST = re.compile(r"failed \(exitcode: (-?\d+)\) local_rank: (\d+)")  # in torchrun's log, once an attempt that failed


def write(path, content):
    with replacing(path) as partial:
        partial.write_text(json.dumps(content), encoding="utf-8")


def note(folder, failure):
    """failure: a dict of attempt, worker, host, step, cause, at (a time), and by: who says so, None for itself."""
    write(Path(folder) / f"failure-{failure['attempt']}-{failure['by'] or failure['worker']}.json", failure)


def started(folder, attempt, step, done):
    """Note from which step an attempt went on, and how many each worker had done by then."""
    write(Path(folder) / f"start-{attempt}.json", {"step": step, "done": done, "lost": max(done) - step})


def starts(folder):
    """{attempt: what `started` has noted}"""
    return {int(path.stem.split("-")[1]): json.loads(path.read_text()) for path in Path(folder).glob("start-*.json")}


def forget(folder):
    """Remove the notes of earlier launches."""
    for pattern in ("failure-*.json", "start-*.json"):
        for old in Path(folder).glob(pattern):
            old.unlink()


def found(folder):
    """One failure for each attempt that failed, in their order: who died, else what a worker says of itself, else of
    another; of several the first.

    Of workers that say it of themselves the first is the lowest in the earliest batch, whoever saw it sooner: a NaN
    goes up with the features."""
    folder, log = Path(folder), Path(folder) / "torchrun.log"
    notes = [json.loads(path.read_text()) for path in folder.glob("failure-*.json")]
    dead = FIRST.findall(log.read_text(errors="replace")) if log.exists() else []
    deaths = {attempt: (int(rank), -int(code)) for attempt, (code, rank) in enumerate(dead) if int(code) < 0}
    return [_died(folder, attempt, *deaths[attempt]) if attempt in deaths else
            min((one for one in notes if one["attempt"] == attempt), key=_first)
            for attempt in sorted({*deaths, *(one["attempt"] for one in notes)})]


def _first(one):
    return (0, one["step"], one["worker"]) if one["by"] is None else (1, one["at"], 0)


def _died(folder, attempt, number, by_signal):
    later = next((start for n, start in sorted(starts(folder).items()) if n > attempt), None)
    return {"attempt": attempt, "worker": number + 1, "host": socket.gethostname(), "by": None, "at": None,
            "step": later["done"][number] if later else saving.done(folder, number),
            "cause": f"it was killed by signal {by_signal} ({signal.Signals(by_signal).name})"}
