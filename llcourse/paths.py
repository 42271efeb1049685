"""Where things lie: the checkout, the data folder, recorded results, this user's cache.

A folder named by a variable counts from the checkout: notebooks run in another folder than commands.
"""

import os
from pathlib import Path


def root():
    """The checkout that holds this package; the current folder where it was installed without one."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def data():
    """The data folder: $LLCOURSE_DATA, or data/ in the checkout."""
    return root() / Path(os.environ.get("LLCOURSE_DATA") or "data").expanduser()


def results():
    """The folder of recorded runs: $LLCOURSE_RESULTS, or results/ in the checkout."""
    return root() / Path(os.environ.get("LLCOURSE_RESULTS") or "results").expanduser()


def user_cache():
    """A folder this user can write to, for decoded images whose own folder is read-only."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llcourse"
