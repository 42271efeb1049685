"""Exercise 11.4: which worker failed first, and of what."""

from copy import deepcopy
from math import isnan

from . import Wrong

CAUSES = "killed", "hung", "raised", "nan"
TERM = -15
nan = float("nan")  # not the object math.nan, so that `is` finds nothing


def _row(worker, sign, step, waits=None, exit=None, loss=1.5):
    return {"worker": worker, "host": f"host{worker % 2 + 1}", "sign": sign, "step": step, "waits": waits, "exit": exit,
            "loss": loss}


CASES = [  # (what happened, rows, now, patience)
    ("worker 2 gets kill -9, and the others' links break",
     [_row(1, 20.5, 40, 2, 1), _row(2, 20.0, 39, None, -9), _row(3, 20.4, 38, 2, 1)], 21.0, 5.0),
    ("worker 3 stops answering, and the others wait",
     [_row(1, 29.8, 12, 2), _row(2, 29.9, 11, 3), _row(3, 9.0, 10)], 30.0, 10.0),
    ("worker 1 raises, and the launcher ends the rest",
     [_row(1, 7.0, 5, None, 1), _row(2, 7.5, 4, 1, 1), _row(3, 7.6, 4, 2, TERM)], 8.0, 5.0),
    ("worker 2's loss is NaN", [_row(1, 15.2, 21, 2, TERM), _row(2, 15.0, 20, None, 1, nan), _row(3, 15.3, 19, 2, 1)],
     16.0, 5.0),
    ("worker 1 is killed while it waits", [_row(1, 50.0, 60, 2, -9), _row(2, 50.6, 60, 1, 1)], 51.0, 5.0),
    ("worker 1 is killed while it waits, and worker 3 raises after that",
     [_row(1, 70.0, 60, 2, -9), _row(2, 70.8, 60, 1, 1), _row(3, 70.5, 58, None, 1)], 71.0, 5.0),
    ("worker 2 is stopped while it waits for worker 3", [_row(1, 88.0, 9, 2), _row(2, 60.0, 8, 3), _row(3, 88.2, 8, 2)],
     88.5, 20.0),
    ("NaN spreads to worker 3",
     [_row(1, 30.6, 33, 2, 1), _row(2, 30.0, 32, None, 1, nan), _row(3, 30.2, 31, None, 2, nan)], 31.0, 5.0),
    ("the system kills worker 4 with signal 11, and worker 2 raises later on its own",
     [_row(1, 12.5, 16, 2, 1), _row(2, 12.2, 16, None, 1), _row(3, 12.6, 15, 4, 1), _row(4, 11.0, 14, None, -11)], 13.0,
     5.0),
    ("worker 3 raised first, at a later step than worker 1, which was killed after it",
     [_row(1, 42.0, 70, None, -9), _row(2, 42.2, 72, 3, 1), _row(3, 41.0, 73, None, 3)], 43.0, 5.0),
    ("worker 1 hangs long before worker 3 is killed",
     [_row(1, 3.0, 2), _row(2, 19.5, 2, 1), _row(3, 19.0, 1, 2, -9)], 20.0, 10.0),
    ("worker 1 has long finished",
     [_row(1, 1.0, 90, None, 0), _row(2, 30.5, 89, 3, 1), _row(3, 30.0, 88, None, -6)], 31.0, 5.0),
    ("worker 2 is slow but alive, worker 3 raises", [_row(1, 21.0, 7, 2), _row(2, 18.0, 7), _row(3, 21.5, 7, None, 1)],
     22.0, 5.0),
    ("worker 1's last sign is a little older than that of worker 2, for which it waits",
     [_row(1, 60.0, 50, 2, 1), _row(2, 60.4, 49, None, -9)], 61.0, 5.0),
    ("the launcher ends a worker whose loss is NaN",
     [_row(1, 9.0, 4, None, -9), _row(2, 8.9, 3, None, TERM, nan), _row(3, 9.4, 3, 2, TERM, nan)], 10.0, 5.0),
    ("rows stand in any order", [_row(3, 9.4, 3, None, 1), _row(1, 9.3, 5, None, 1), _row(2, 9.0, 4, None, 1)], 10.0,
     5.0),
    ("a sign of life is exactly as old as patience allows", [_row(1, 15.0, 4), _row(2, 19.0, 3, None, 1)], 20.0, 5.0),
    ("the launcher's signal comes to worker 1 early",
     [_row(1, 4.0, 8, None, TERM), _row(2, 4.5, 8, None, -9), _row(3, 4.6, 7, 2, 1)], 5.0, 5.0),
    ("worker 12 hangs, of two that hang the longer",
     [_row(11, 4.0, 8), _row(12, 3.0, 8), _row(13, 19.0, 7, 12)], 20.0, 5.0),
]


def _first(rows, now, patience, own_wait=True, term=TERM, killed=(), key="sign", last=False, finished=False,
           alive_nan=False, hang=True, nans=True, strict=True, wait_kills=False, wait_hangs=False):
    """(worker, cause) of exercise 11.4; the rest is what a slip does otherwise."""
    failures = []
    for row in rows:
        code, waits, cause = row["exit"], row["waits"] is not None, None
        if code is None or finished and code == 0:
            old = now - row["sign"] > patience or not strict and now - row["sign"] >= patience
            cause = "hung" if old and hang and not (wait_hangs and waits) else None
        elif code < 0:
            signalled = code != term and (not killed or code in killed)
            cause = "killed" if signalled and not (wait_kills and waits) else None
        elif code > 0 and not (own_wait and waits):
            cause = "nan" if nans and isnan(row["loss"]) else "raised"
        if alive_nan and isnan(row["loss"]):
            cause = "nan"
        if cause:
            failures.append((row[key] if key else 0, row["worker"], cause))
    if not failures:
        return None
    return (max if last else min)(failures, key=lambda f: f[0])[1:]


SLIPS = [  # (what it is called, what it does otherwise)
    ("An exception while it waited for another is that one's fault: its link broke", {"own_wait": False}),
    ("Signal 15 is the launcher's, which ends those that are left", {"term": None}),
    ("Any signal but 15 kills, not only 9", {"killed": (-9,)}),
    ("The oldest sign of life says who failed first, not the least step: workers above run behind", {"key": "step"}),
    ("The oldest sign of life says who failed first, not the worker's number", {"key": "worker"}),
    ("The oldest sign of life says who failed first, not the order of the rows", {"key": None}),
    ("That is the newest sign of life: the first to fail fell silent first", {"last": True}),
    ("A worker with exit 0 has finished, however old its sign is", {"finished": True}),
    ("NaN is a cause where the worker raised of itself; what waits for another, or was ended, is a victim",
     {"alive_nan": True}),
    ("A worker that still runs hangs if its last sign of life is too old", {"hang": False}),
    ("An exception with a NaN loss has the cause nan", {"nans": False}),
    ("A worker hangs when its sign is older than `patience`, not when it is as old", {"strict": False}),
    ("A worker can be killed while it waits: the signal counts, whatever it waits for", {"wait_kills": True}),
    ("A worker can hang while it waits: those that are only waiting give signs of life", {"wait_hangs": True}),
]


def first_right(answer):
    """Wrong unless answer(report, now, patience) is (worker, cause) of the first failure, in every case."""
    given = []
    for what, rows, now, patience in CASES:
        where = f"{what} ({_told(rows)}; now {now:g}, patience {patience:g}): "
        try:
            said = answer(deepcopy(rows), now, patience)
        except (Wrong, ValueError, IndexError, StopIteration):  # None, or the least of no failures
            worker, cause = _first(rows, now, patience)
            raise Wrong(f"{where}your function finds no failure here, and worker {worker} has one of its own, "
                        f"{cause!r}") from None
        given.append(_read(said, where, [row["worker"] for row in rows]))
    for (what, rows, now, patience), said in zip(CASES, given):
        right = _first(rows, now, patience)
        if said != right:
            raise Wrong(f"{what} ({_told(rows)}; now {now:g}, patience {patience:g}): it is {right}, yours is {said}. "
                        f"{_cause(given) or _why(rows, said, right)}")


def _read(said, where, workers):
    if not isinstance(said, (tuple, list)) or len(said) != 2:
        raise Wrong(f"{where}return a pair, (worker, cause); this is {said!r:.60}")
    worker, cause = said
    if isinstance(worker, dict):
        raise Wrong(f"{where}the first of the pair is the worker's number, not its row")
    if isinstance(worker, str) or not hasattr(worker, "__index__") or int(worker) not in workers:
        place = " Its place in the list is not its number" if worker == 0 else ""
        raise Wrong(f"{where}there is no worker {worker!r:.20}.{place}")
    if cause not in CAUSES:
        raise Wrong(f"{where}the cause is one of {', '.join(CAUSES)}; got {cause!r:.30}")
    return int(worker), str(cause)


def slips():
    """[(what was done, what comes out in each case)]."""
    return [(cause, [_first(*case[1:], **other) for case in CASES]) for cause, other in SLIPS]


def _cause(given):
    return next((cause for cause, wrong in slips() if given == wrong), None)


def _why(rows, said, right):
    by = {row["worker"]: row for row in rows}
    if said[0] == right[0]:
        return f"The worker is right, and its exit is {by[said[0]]['exit']}, its loss {by[said[0]]['loss']}"
    return f"Worker {right[0]} fails on its own, at {by[right[0]]['sign']:g} s, and nobody does before it"


def _told(rows):
    def told(row):
        waits = f", waits for {row['waits']}" if row["waits"] is not None else ""
        lost = ", loss nan" if isnan(row["loss"]) else ""
        return f"{row['worker']}: sign {row['sign']:g}, exit {row['exit']}{waits}{lost}"

    return "; ".join(map(told, rows))
