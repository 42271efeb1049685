"""Writing a file so that a crash leaves the old one whole."""

import os
import platform
import re
import secrets
import stat
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """Give a hidden path beside `path` to write to; at the end that file takes its place, or, after an error, is
    removed.

    Missing folders are made; the mode is the umask's. Several writers, threads or processes, do not meet: a reader sees
    what one of them wrote, in the end the last. What writers that were killed have left beside it is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ours = f".{path.name}.{re.sub(r'[^a-zA-Z0-9-]', '_', platform.node())}."  # a process is known on its machine alone
    _remove_orphans(path.parent, ours)
    partial = path.with_name(f"{ours}{os.getpid()}.{secrets.token_hex(8)}.part")
    # a name that nobody can guess, and no link that somebody has laid: whoever may write to the folder could aim it
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    mode = stat.S_IMODE(partial.stat().st_mode)
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before it takes the old file's name
        os.chmod(partial, mode)  # safetensors makes the file anew, for its owner alone
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _remove_orphans(folder, ours):
    if os.name == "posix":  # elsewhere to ask for a process by signal 0 is to end it
        for partial in folder.iterdir():
            if (name := re.fullmatch(rf"{re.escape(ours)}(\d+)\.\w+\.part", partial.name)) and not _lives(int(name[1])):
                partial.unlink(missing_ok=True)


def _lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's
        pass
    return True
