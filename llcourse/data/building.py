"""Folders that appear whole or not at all; what a killed process left of one is removed at the next start."""

import os
import secrets
import shutil
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows, where nothing tells remains from a folder that is being filled: they stay
    fcntl = None


@contextmanager
def building(folder):
    """Give a hidden folder beside `folder` to fill; at the end it takes that name, after an error it is removed.

    It is locked meanwhile: a lock ends with its process, whatever that dies of. Raises OSError where the folder cannot
    be made, or where `folder` holds something by then: another process was faster.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder.parent)
    part = folder.with_name(f".{folder.name}.part-{secrets.token_hex(8)}")
    part.mkdir()
    held = _lock(part)
    try:
        yield part
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if held is not None:
            os.close(held)


def sweep(parent):
    """Remove what killed processes left of folders in `parent`, and nothing that a living one fills."""
    with suppress(OSError):  # not there, or not ours
        for part in parent.glob(".*.part-*"):
            if any(part.iterdir()) and (held := _lock(part)) is not None:  # an empty one may not be locked yet
                shutil.rmtree(part, ignore_errors=True)
                os.close(held)


def _lock(part):
    """What holds the folder until it is closed; None where another process does, or where folders have no locks."""
    if fcntl is None:
        return None
    held = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
