"""Launch files stay in step with torchrun's command line and the package's; no cluster is needed to see it."""

import argparse
import importlib
import itertools
import json
import re
import subprocess
import sys

import pytest
import yaml
from torch.distributed.run import get_args_parser

from llcourse import paths
from llcourse.__main__ import COMMANDS

DEPLOY = paths.root() / "deploy"
MODULES = 4
SHOWN = {"srun": f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))",
         "scontrol": "#!/bin/sh\necho a\necho b"}


def submitted(text, folder):
    """The torchrun line of a Slurm file, as a shell gives it to srun, and the numbers of modules that it has."""
    for name, program in SHOWN.items():
        (folder / name).write_text(program)
        (folder / name).chmod(0o755)
    given = {"SLURM_JOB_NUM_NODES": str(MODULES), "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "x",
             "PATH": f"{folder}:/bin:/usr/bin"}
    run = subprocess.run(["bash", "-c", text, "slurm.sh", "/job"], env=given, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    asks = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", text, re.MULTILINE))
    return list(itertools.dropwhile(lambda word: word[0] == "-", json.loads(run.stdout))), [asks["nodes"]], {}


def trainer(text, _):
    """The same of a TrainJob, with what its operator sets: kubeflow/trainer, pkg/runtime/framework/plugins/torch."""
    runtime, job = yaml.safe_load_all(text)
    assert (job["spec"]["runtimeRef"]["kind"], job["spec"]["runtimeRef"]["name"]) == (
        runtime["kind"], runtime["metadata"]["name"])
    trains = job["spec"]["trainer"]
    sets = {"PET_NNODES": trains["numNodes"], "PET_NPROC_PER_NODE": trains["numProcPerNode"],
            "PET_MASTER_ADDR": "node-0", "PET_MASTER_PORT": 29400}
    line = [re.sub(r"\$\((\w+)\)", lambda name: str(sets[name[1]]), word) for word in trains["command"]]
    return line, [trains["numNodes"], runtime["spec"]["mlPolicy"]["numNodes"]], sets


def pytorch(text, _):
    """The same of a PyTorchJob: kubeflow/training-operator, pkg/controller.v1/pytorch/elastic.go."""
    spec = yaml.safe_load(text)["spec"]
    worker, elastic = spec["pytorchReplicaSpecs"]["Worker"], spec["elasticPolicy"]
    sets = {"PET_NNODES": f"{elastic['minReplicas']}:{elastic['maxReplicas']}",
            "PET_NPROC_PER_NODE": spec["nprocPerNode"],
            "PET_RDZV_BACKEND": elastic["rdzvBackend"], "PET_RDZV_ENDPOINT": "worker-0:23456",
            "PET_MAX_RESTARTS": elastic["maxRestarts"]}
    return (worker["template"]["spec"]["containers"][0]["command"],
            [worker["replicas"], elastic["minReplicas"], elastic["maxReplicas"]], sets)


READERS = {"slurm.sh": submitted, "trainjob.yaml": trainer, "pytorchjob.yaml": pytorch}


def amiss(name, text, folder, monkeypatch):
    """What is wrong with a launch file, or None."""
    (program, *line), counts, sets = READERS[name](text, folder)
    for variable, value in sets.items():
        monkeypatch.setenv(variable, str(value))
    try:
        asked = get_args_parser().parse_args(line)
        module, _ = COMMANDS[asked.training_script_args[0]]
        parser = argparse.ArgumentParser()
        importlib.import_module(module).configure(parser)
        folder = parser.parse_args(asked.training_script_args[1:]).folder
    except (SystemExit, KeyError, IndexError):
        return "the command line is not taken"
    wanted = {"program": "torchrun", "module": True, "script": "llcourse", "each": "1", "by": "c10d", "folder": "/job",
              "restarts": 3, "nodes": str(MODULES)}
    has = {"program": program, "module": asked.module, "script": asked.training_script, "each": asked.nproc_per_node,
           "by": asked.rdzv_backend, "folder": str(folder), "restarts": asked.max_restarts,
           "nodes": asked.nnodes.split(":")[-1]}
    if wanted != has or not re.fullmatch(r"\S+:\d+", asked.rdzv_endpoint):
        return f"{has} at {asked.rdzv_endpoint}"
    return None if {int(count) for count in counts} == {MODULES} else f"modules: {counts}"


@pytest.mark.parametrize("name", READERS)
def test_a_launch_file_starts_a_worker(name, tmp_path, monkeypatch):
    assert amiss(name, (DEPLOY / name).read_text(encoding="utf-8"), tmp_path, monkeypatch) is None


OLD_AND_NEW = [*((name, *change) for name in READERS for change in [
    ("worker", "works"), ("worker", "worker --fast"), ("torchrun", "python"), ("c10d", "static")]),
    ("trainjob.yaml", "- /job", "- /other"), ("pytorchjob.yaml", "worker, /job", "worker, /other"),
    ("slurm.sh", '"$folder"', "folder"), ("slurm.sh", "--nodes=4\n", "--nodes=5\n"),
    ("trainjob.yaml", "numNodes: 4", "numNodes: 5"),
    ("trainjob.yaml", "numProcPerNode: 1", "numProcPerNode: 2"), ("pytorchjob.yaml", " replicas: 4", " replicas: 5"),
    ("pytorchjob.yaml", "maxReplicas: 4", "maxReplicas: 5"), ("pytorchjob.yaml", "maxRestarts: 3", "maxRestarts: 0")]


@pytest.mark.parametrize("name, old, new", OLD_AND_NEW)
def test_a_line_out_of_step_is_noticed(name, old, new, tmp_path, monkeypatch):
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert old in text and amiss(name, text.replace(old, new), tmp_path, monkeypatch)


def test_every_launch_file_is_read():
    assert sorted(path.name for path in DEPLOY.iterdir()) == sorted([*READERS, "README.md"])
