"""Claims: what a small run shows, stated with the margin it needs, and how often it held when recorded."""

import json
import os

from .. import results
from ..tables import Table, plain
from . import session


def claim(text, value, over):
    """Print PASS if `value` > `over`, else the measured value and what it needs. Never raises on a number.

    text: a sentence that stays the same on every machine.   value: a number (NaN shows nothing).   over: the
    threshold. Both may be of numpy or torch; anything but a number is a ValueError. A PASS prints no number, so that
    stored outputs compare everywhere. With LLCOURSE_CLAIMS naming a file (`python -m llcourse run 03 --seeds 10` does
    that), one line of JSON is added to it.
    """
    try:
        value, over = float(plain(value)), plain(over)
        shown = bool(value > over)
    except (TypeError, ValueError, RuntimeError, ArithmeticError):
        raise ValueError(f"a claim compares two numbers; got {value!r} and {over!r}") from None
    print(f"PASS  {text}" if shown else f"NOT SHOWN HERE  {text}: measured {value:.2f}, needs more than {over}")
    if "LLCOURSE_CLAIMS" in os.environ:
        here = session.active
        row = {"chapter": here and here.chapter, "seed": here and here.seed, "text": text, "value": value, "over": over}
        with open(os.environ["LLCOURSE_CLAIMS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def margins(chapter):
    """How far a chapter's claims held over the recorded seeds, as a Table: threshold, smallest, mean and spread."""
    recorded = results.read(results.claims_file(chapter))
    if recorded is None:
        return Table([], notes=f"not yet recorded: `python -m llcourse run {chapter} --seeds 10`")
    return Table([{"claim": c["text"], "needs": float(c["over"]), "smallest": float(c["min"]), "mean": float(c["mean"]),
                   "spread": float(c["std"])} for c in recorded["claims"]],
                 f"Claims of chapter {chapter} at {len(recorded['seeds'])} seeds")
