"""Wrong answers to exercise 11.4, and right ones in other styles."""

import math
import signal

import numpy as np
import torch

from llcourse.course.solutions.ch11 import first_failure


def first(victim=lambda row: row["waits"] is not None, killed=lambda row: row["exit"] < 0 and row["exit"] != -15,
          hung=lambda row, now, patience: row["exit"] is None and now - row["sign"] > patience,
          raised=lambda row: row["exit"] is not None and row["exit"] > 0, key=lambda row: row["sign"], choose=min,
          nan=lambda row: math.isnan(row["loss"]), told=lambda row, cause: (row["worker"], cause), before=None):
    """The solution with one of its choices made otherwise."""
    def answer(report, now, patience):
        failures = []
        for row in report:
            cause = before(row) if before else None
            if cause is None and row["exit"] is not None and killed(row):
                cause = "killed"
            elif cause is None and hung(row, now, patience):
                cause = "hung"
            elif cause is None and raised(row) and not victim(row):
                cause = "nan" if nan(row) else "raised"
            if cause:
                failures.append((key(row), told(row, cause)))
        return choose(failures, key=lambda pair: pair[0])[1]
    return answer


def by_sorting(report, now, patience):
    """Right: rows by their signs, and the first that is no victim."""
    report.sort(key=lambda row: row["sign"])
    for row in report:
        match row:
            case {"exit": None, "sign": sign} if now - sign > patience:
                return [np.int64(row["worker"]), np.str_("hung")]
            case {"exit": int(code)} if code < 0 and -code != signal.SIGTERM:
                return torch.tensor(row["worker"]), "killed"
            case {"exit": int(code), "waits": None, "loss": loss} if code > 0:
                return row["worker"], "nan" if loss != loss else "raised"


def by_pruning(report, now, patience):
    """Right: what is no failure is taken out of the list."""
    for row in list(report):
        stopped = row.pop("exit")
        row["cause"] = ("hung" if stopped is None and row["sign"] < now - patience else "killed" if stopped not in (
            None, -15) and stopped < 0 else None)
        if stopped and stopped > 0 and row["waits"] is None:
            row["cause"] = "nan" if np.isnan(row["loss"]) else "raised"
        if row["cause"] is None:
            report.remove(row)
    row = min(report, key=lambda row: row["sign"])
    return row["worker"], row["cause"]


RIGHT = [first(), by_sorting, by_pruning, lambda *given: list(first_failure(*given))]


def by_waiting(report, now, patience):
    """Follows who waits for whom, from the first row."""
    rows, k = {row["worker"]: row for row in report}, report[0]["worker"]
    seen = set()
    while rows[k]["waits"] is not None and k not in seen:
        seen.add(k)
        k = rows[k]["waits"]
    code = rows[k]["exit"]
    return k, "hung" if code is None else "killed" if code < 0 else "nan" if math.isnan(rows[k]["loss"]) else "raised"


def without_finish(report, now, patience):
    """A worker that has finished hangs, to it."""
    hung = first(hung=lambda row, now, patience: not row["exit"] and now - row["sign"] > patience)
    return hung(report, now, patience)


def none_if_waiting(report, now, patience):
    """Returns None where it finds nothing."""
    for row in report:
        if row["waits"] is None and row["exit"] == -9:
            return row["worker"], "killed"


def to(change):
    return lambda *given: change(*first_failure(*given))


WRONG = [(none_if_waiting, "finds no failure here, and worker 3 has one of its own, 'hung'"),
         (first(victim=lambda row: False), "is that one's fault"),
         (first(killed=lambda row: row["exit"] < 0), "Signal 15 is the launcher's"),
         (first(killed=lambda row: row["exit"] == -9), "finds no failure here"),
         (first(killed=lambda row: row["exit"] in (-9, -15)), "finds no failure here"),
         (first(key=lambda row: row["step"]), "not the least step"),
         (first(key=lambda row: row["worker"]), "not the worker's number"),
         (first(key=lambda row: 0), "not the order of the rows"),
         (first(choose=max), "That is the newest sign of life"),
         (first(key=lambda row: -row["step"]), "nobody does before it"),
         (first(hung=lambda row, now, patience: False), "finds no failure here"),
         (first(hung=lambda row, now, patience: row["exit"] is None and now - row["sign"] >= patience), "as old"),
         (first(hung=lambda row, now, patience: row["exit"] is None), "nobody does before it"),
         (first(hung=lambda row, now, patience: now - row["sign"] > patience), "has finished"),
         (first(hung=lambda row, now, patience: row["exit"] is None and row["sign"] > patience), "fails on its own"),
         (first(hung=lambda row, now, patience: row["exit"] is None and row["waits"] is None and
                now - row["sign"] > patience), "finds no failure here"), (without_finish, "has finished"),
         (first(nan=lambda row: False), "NaN loss has the cause nan"),
         (first(nan=lambda row: row["loss"] == math.nan), "NaN loss has the cause nan"),
         (first(nan=lambda row: row["loss"] is math.nan), "NaN loss has the cause nan"),
         (first(key=lambda row: (row["waits"] is not None, row["sign"])), "yours is (3, 'raised')"),
         (first(before=lambda row: "nan" if math.isnan(row["loss"]) else None), "where the worker raised of itself"),
         (first(killed=lambda row: row["exit"] < 0 and row["exit"] != -15 and row["waits"] is None),
          "finds no failure here"),
         (first(raised=lambda row: row["exit"] == 1), "fails on its own"),
         (first(raised=lambda row: row["exit"] is not None and row["exit"] >= 0), "fails on its own"),
         (first(killed=lambda row: row["exit"] == -9, raised=lambda row: row["exit"] not in (None, 0, -9, -15)),
          "it is (4, 'killed'), yours is (4, 'raised')"), (by_waiting, "it is (4, 'killed'), yours is (2, 'raised')"),
         (lambda report, now, patience: (report[0]["worker"], "killed"), "it is (2, 'killed')"),
         (lambda report, now, patience: (min(report, key=lambda row: row["sign"])["worker"], "killed"),
          "it is (3, 'hung')"),
         (lambda report, now, patience: (min(report, key=lambda row: row["step"])["worker"], "killed"), "it is (2, 'k"),
         (to(lambda worker, cause: (worker - 1, cause)), "its number"),
         (to(lambda worker, cause: (cause, worker)), "there is no worker 'killed'"),
         (to(lambda worker, cause: worker), "return a pair"),
         (to(lambda worker, cause: {worker: cause}), "return a pair"),
         (to(lambda worker, cause: f"{worker} {cause}"), "return a pair"),
         (to(lambda worker, cause: (worker, cause.upper())), "is one of killed, hung, raised, nan"),
         (to(lambda worker, cause: (worker, -9)), "is one of killed, hung, raised, nan"),
         (first(told=lambda row, cause: (row, cause)), "not its row"),
         (first(told=lambda row, cause: (row["host"], cause)), "there is no worker 'host"),
         (lambda report, *rest: ([row["worker"] for row in report].index(first_failure(report, *rest)[0]), "killed"),
          "its number")]
