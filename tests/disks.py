"""Small disks, to fill."""

import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def small(folder, size):
    """`folder`, made, on a file system of its own of so many bytes ("16k", "1m"); skips where none can be mounted."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
