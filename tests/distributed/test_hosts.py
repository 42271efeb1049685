"""The same run on three hosts, each a network namespace with a name, an address and a link of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import torch

from llcourse import Recipe, distributed, networks, paths, reach, train
from llcourse.distributed import failures, saving

from .crew import figures, same
from .failing import Failing

RECIPE = Recipe(batch=8, lr=0.05)  # 9 steps an epoch
TIMEOUT = 8.0  # seconds until a worker that gives no sign of life is lost
BOUND = 120  # seconds for all that starts torch on three hosts


def network(*failing):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(3, "linear")
    net.body[1].append(Failing(*failing))
    return net


def torchrun(hosts, i, folder, *more):
    """What a reader types on each host."""
    command = ["-m", "torch.distributed.run", "--nnodes=3", "--nproc-per-node=1", "--rdzv-backend=c10d",
               "--rdzv-endpoint=host1:29400", f"--log-dir={folder / f'log{i}'}", "--monitor-interval=0.1", *more]
    return hosts.start(i, [sys.executable, *command, "-m", "llcourse", "worker", str(folder)], stderr=subprocess.PIPE,
                       text=True)


def ends(runs):
    """Exit statuses, and what they have said."""
    said = [run.communicate(timeout=BOUND)[1] for run in runs]
    return [run.returncode for run in runs], said


def test_three_hosts_compute_what_one_process_does_though_a_worker_is_killed(images, tmp_path, make_hosts):
    flag, hosts = tmp_path / "flag", make_hosts(3)
    whole, net = network("nothing", 0, flag), network("kill", 14, flag)
    history = train(whole, images, 3, recipe=RECIPE)
    folder = distributed.prepare(tmp_path / "job", net, images, 3, recipe=RECIPE, save_every=4, timeout=20)
    statuses, said = ends([torchrun(hosts, i, folder, "--max-restarts=2") for i in range(3)])
    assert statuses == [0, 0, 0], said
    report = distributed.collect(folder, net)
    assert flag.exists() and 1 <= report.lost <= 4
    assert figures(report.history) == figures(history)
    net.body[1][-1], whole.body[1][-1] = torch.nn.Identity(), torch.nn.Identity()
    assert same(net, whole)
    assert sorted(worker["host"] for worker in report.workers) == hosts.names


def test_a_link_cut_in_mid_message_ends_the_run_in_bounded_time(images, tmp_path, make_hosts):
    hosts = make_hosts(3, mbit=1)  # a message of 32 kB is a quarter of a second on its way
    net = network("nothing", 0, tmp_path)
    folder = distributed.prepare(tmp_path / "job", net, images, 100, recipe=RECIPE, timeout=TIMEOUT)
    runs = [torchrun(hosts, i, folder) for i in range(3)]
    until = time.monotonic() + BOUND
    while (saving.done(folder, 1) or 0) < 3 and runs[0].poll() is None:
        time.sleep(0.05)
    assert runs[0].poll() is None, runs[0].stderr.read()
    hosts.cut(1)
    statuses, said = ends([runs[0], runs[2]])
    failure, = failures.found(folder)
    assert statuses == [1, 1] and (failure["worker"], failure["host"]) == (2, "host2")
    assert failure["step"] >= 3 and "gives no sign of life" in failure["cause"]
    named = [f"worker 2 on host2, step {failure['step']}: gives no sign of life" in text for text in said]
    assert any(named), said  # torchrun ends the other one when it hears of it, which may be before that has seen it
    # torchrun on the other side of the cut waits for as long as its TCP does; its worker does not
    note = folder / "failure-0-2.json"
    while not note.exists() and time.monotonic() < until:
        time.sleep(0.05)
    cause = json.loads(note.read_text())["cause"]
    assert "does not answer" in cause or "is gone" in cause
    while works(runs[1]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not works(runs[1])


def works(run):
    """Whether torchrun still has a worker."""
    return any(child.status() != psutil.STATUS_ZOMBIE for child in psutil.Process(run.pid).children())


SRUN = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
"$@" & first=$!
"$@" & second=$!
"$@" && wait $first && wait $second
"""


def test_the_slurm_file_runs_with_an_srun_of_one_machine(images, tmp_path, make_hosts):
    hosts = make_hosts(1)  # where its port is nobody else's
    plain, net = (network("nothing", 0, tmp_path) for _ in range(2))
    for made in (plain, net):
        made.reach = reach.backprop(3)
    expected = train(plain, images, 1, recipe=RECIPE)
    folder = distributed.prepare(tmp_path / "job", net, images, 1, recipe=RECIPE)
    commands = tmp_path / "commands"
    commands.mkdir()
    (tmp_path / "logs").mkdir()
    for name, text in {"srun": SRUN, "scontrol": "#!/bin/sh\necho host1\necho host1\necho host1\n"}.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "SLURM_JOB_NUM_NODES": "3", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "host1",
        "TMPDIR": str(tmp_path / "logs")}
    statuses, said = ends([hosts.start(0, ["bash", str(paths.root() / "deploy" / "slurm.sh"), str(folder)],
                                       env=environment, stderr=subprocess.PIPE, text=True)])
    assert statuses == [0], said
    report = distributed.collect(folder, net)
    assert figures(report.history) == figures(expected) and same(net, plain)


def test_hosts_that_are_missing_and_ports_that_are_taken_are_given_up(tmp_path, make_hosts):
    hosts = make_hosts(2)
    taken = hosts.start(1, [sys.executable, "-c", "import socket, time; s = socket.create_server(('', 29400)); "
                            "print(flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
    taken.stdout.readline()
    waits = torchrun(hosts, 0, tmp_path, "--rdzv-conf=join_timeout=3,last_call_timeout=1")
    met = torchrun(hosts, 1, tmp_path, "--rdzv-endpoint=host2:29400", "--rdzv-conf=is_host=1")
    statuses, (missing, port) = ends([waits, met])
    assert statuses == [1, 1]
    assert "RendezvousTimeoutError" in missing and "address already in use" in port
    taken.kill()
    taken.communicate()
