"""Writing a file so that a crash leaves the old one whole."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """Give a hidden path beside `path` to write to; at the end that file takes its place, or, after an error, is
    removed.

    Missing folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before it takes the old file's name
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
