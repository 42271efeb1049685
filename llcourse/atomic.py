"""Writing a file so that a crash leaves the old one whole."""

import os
import secrets
import stat
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """Give a hidden path beside `path` to write to; at the end that file takes its place, or, after an error, is
    removed.

    Missing folders are made; the mode is the umask's. Several writers, threads or processes, do not meet: a reader sees
    what one of them wrote, in the end the last.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}.part")
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
