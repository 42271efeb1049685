"""Rosters: which workers belong together. torchrun on several hosts starts all workers anew when one has failed, but
tells them neither how often nor apart from those before: what these have left in the store is still there.
"""

import json
import time
from hashlib import sha256
from uuid import uuid4

import torch.distributed as dist

LOOK = 0.02  # seconds between two looks at the store


def gathered(store, number, workers, patience):
    """(a store for these workers alone, how many rosters there were before), as soon as all of them are there.

    Every worker says a name of its own; worker 1 says whom it sees, and when all of these have agreed, that it holds.
    A name of a worker that is no more agrees to nothing, and its successor overwrites it. Raises TimeoutError, which
    names who is missing, after `patience` seconds.
    """
    own, until = uuid4().hex, time.monotonic() + patience
    store.set(f"here/{number}", own)
    while time.monotonic() < until:
        if number == 0 and None not in (here := [_said(store, f"here/{j}") for j in range(workers)]):
            store.set("roster", json.dumps(here))
        if own in (roster := _said(store, "roster") or ""):
            name = _name(roster)
            store.set(f"{name}/agrees/{number}", "")
            if number == 0 and store.check([f"{name}/agrees/{j}" for j in range(workers)]):
                store.set(f"{name}/holds", str(store.add("rosters", 1) - 1))
            if store.check([f"{name}/holds"]):
                return dist.PrefixStore(name, store), int(store.get(f"{name}/holds"))
        time.sleep(LOOK)
    raise TimeoutError(f"worker {', '.join(_missing(store, number, workers))} has not come in {patience:g} s: is it "
                       "started, and does its host reach the others?")


def _missing(store, number, workers):
    name = _name(_said(store, "roster"))
    never = [j for j in range(workers) if not store.check([f"here/{j}"])]
    silent = [j for j in range(workers) if j != number and not store.check([f"{name}/agrees/{j}"])]
    return [str(j + 1) for j in never or silent]


def _name(roster):
    return sha256((roster or "").encode()).hexdigest()


def _said(store, key):
    return store.get(key).decode() if store.check([key]) else None
