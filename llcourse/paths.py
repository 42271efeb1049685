"""Where things lie: the checkout, the data folder, recorded results, this user's cache."""

import os
from pathlib import Path


def root():
    """The checkout that holds this package; the current folder where it was installed without one."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def data():
    """The data folder: $LLCOURSE_DATA, or data/ in the checkout."""
    return Path(os.environ.get("LLCOURSE_DATA") or root() / "data").expanduser()


def results():
    """The folder of recorded runs: $LLCOURSE_RESULTS, or results/ in the checkout."""
    return Path(os.environ.get("LLCOURSE_RESULTS") or root() / "results").expanduser()


def user_cache():
    """A folder this user can write to, for decoded images whose own folder is read-only."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llcourse"
