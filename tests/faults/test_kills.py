"""What writers leave that are killed while they write: the old file whole, and nothing beside it for long."""

import os
import signal
import subprocess
import sys

import torch

from llcourse import checkpoint
from llcourse.atomic import replacing

WRITER = """
import sys, time
from llcourse.atomic import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def writing(file):
    """A process in the middle of a write to `file`."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_the_next_writer_removes_what_a_killed_one_left_and_no_other(tmp_path):
    file, mine = tmp_path / "run.safetensors", tmp_path / ".run.safetensors.bak.part"
    checkpoint.save(file, {"x": torch.zeros(3)}, {})
    mine.write_text("of somebody else")
    dead, living = writing(file), writing(file)
    try:
        kill(dead)
        assert len(list(tmp_path.iterdir())) == 4 and checkpoint.load(file, "cpu")[0]["x"].tolist() == [0] * 3
        checkpoint.save(file, {"x": torch.ones(3)}, {})
        left = [path.name for path in tmp_path.iterdir() if path not in (file, mine)]
        assert len(left) == 1 and f".{living.pid}." in left[0] and mine.exists()
    finally:
        kill(living)
    with replacing(file) as partial:
        partial.write_text("new")
        assert {path.name for path in tmp_path.iterdir()} == {file.name, mine.name, partial.name}


def test_what_a_process_on_another_machine_writes_is_left_alone(tmp_path):
    foreign = tmp_path / f".a.elsewhere.{2**22 + 1}.0.part"  # no process here has that number
    foreign.write_text("half")
    with replacing(tmp_path / "a") as partial:
        partial.write_text("whole")
        beside = foreign.with_name(partial.name.replace(f".{os.getpid()}.", f".{2**22 + 1}."))
    beside.write_text("half")
    with replacing(tmp_path / "a") as partial:
        partial.write_text("whole")
    assert foreign.exists() and not beside.exists()
