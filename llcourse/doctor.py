"""`python -m llcourse doctor`: is this machine ready for the course, and if not, what to do.

Every check stands alone, so that one broken part still leaves a report of the others.
"""

import importlib.metadata
import json
import os
import sys
from collections import namedtuple
from functools import partial
from textwrap import fill

Finding = namedtuple("Finding", "check status detail mend")  # status: "ok", "note" (works, with less) or "fail"

WIDTH = 95  # characters a line
SLOWER = 1.2  # times as long as one thread: more than a measurement's noise
INSTALL = "run `make install`, or `pip install -r requirements.txt` in the environment you use"


def python():
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):
        return "fail", version, "install Python 3.11 or newer"
    return "ok", version, ""


def torch_pair():
    """torch and torchvision, which must come from the same build."""
    try:
        import torch
    except ImportError as error:
        return "fail", str(error), INSTALL
    try:
        import torchvision
    except ImportError as error:
        return "fail", f"torch {torch.__version__}, but {error}", INSTALL
    except RuntimeError as error:
        if "torchvision::nms does not exist" in str(error):
            found = f"torch {torch.__version__} beside torchvision {importlib.metadata.version('torchvision')}: {error}"
            return "fail", found, ("these two are different builds (a CPU-only torch beside the default torchvision): "
                                   "`pip uninstall -y torch torchvision`, then `pip install torch torchvision` "
                                   "together")
        raise
    return "ok", f"torch {torch.__version__}, torchvision {torchvision.__version__}", ""


def packages():
    """Every requirement of the course, with its range."""
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(line) for line in importlib.metadata.requires("llcourse")]
    except importlib.metadata.PackageNotFoundError:
        return "note", "llcourse runs from its folder and is not installed: versions are not checked", INSTALL
    found, wrong = 0, []
    for wanted in requirements:
        if wanted.marker and not wanted.marker.evaluate({"extra": "course"}):
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        found += 1
        if not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} is {version}, needs {wanted.specifier}")
    if wrong:
        return "fail", "; ".join(wrong), INSTALL
    return "ok", f"{found} requirements met", ""


def kernel():
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return "fail", "no kernel called python3", "run `python -m ipykernel install --sys-prefix --name python3`"
    folders = [os.path.realpath(os.path.dirname(python))  # python itself is a link
               for python in (command, sys.executable)]
    if os.path.isabs(command) and folders[0] != folders[1]:
        return "note", "the kernel python3 runs another Python", (
            "start JupyterLab from this environment, or run "
            "`python -m ipykernel install --sys-prefix --name python3`")
    return "ok", "python3 runs this Python", ""


def device():
    import torch

    if torch.cuda.is_available():
        return "ok", torch.cuda.get_device_name(), ""
    if torch.backends.mps.is_available():
        return "ok", "Apple GPU (mps)", ""
    return "ok", f"CPU, {torch.get_num_threads()} threads of {os.cpu_count()} cores; the course needs no GPU", ""


def threads():
    """Whether all threads that chapters use are faster than one, which they are not where they have to wait for a
    core."""
    import torch

    from .timing import round_robin

    usual = torch.get_num_threads()
    every = int(os.environ.get("LLCOURSE_THREADS", usual))
    if every == 1:
        return "ok", "one", ""
    x = torch.randn(32, 16, 32, 32)
    block = torch.nn.Sequential(*(torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(4)))

    def step(n):
        torch.set_num_threads(n)
        with torch.enable_grad():
            block(x).sum().backward()

    try:
        one, together = round_robin([partial(step, 1), partial(step, every)], 3, "cpu")
    finally:
        torch.set_num_threads(usual)
    found = f"{every} threads take {together / one:.2f} of the time of one"
    if together > SLOWER * one:
        return "note", f"{found}: another process may use a core", ("LLCOURSE_THREADS=1 in the environment is faster "
                                                                     "as long as it does")
    return "ok", found, ""


def bfloat16():
    import torch

    from .precision import bfloat16_ratio

    ratio = bfloat16_ratio("cuda" if torch.cuda.is_available() else "cpu")
    return "ok", f"takes {ratio:.2f} of float32's time, just measured; chapters compute in float32", ""


def images():
    from . import data

    if not data.on_disk("cifar10"):
        return "note", "CIFAR-10 is not here yet", ("run `python -m llcourse data cifar10`; offline the course runs on "
                                                    "a generated stand-in, whose figures do not match the text")
    data.load("cifar10", train=10, test=10)  # a damaged copy raises here what it would raise in a chapter
    return "ok", f"CIFAR-10 is here; the text is {data.textfiles.find().name}", ""  # so does a text


def reaches():
    """Measure the reach of every method, on a tiny network of its wiring, of a chain with context, and of groups that
    share their tensors on slices; compare with what they declare."""
    import torch

    from . import measure, networks, reach

    torch.manual_seed(0)
    batch = torch.randn(4, 3, 8, 8), torch.arange(4)
    declared = {}
    for name, method in reach.METHODS.items():
        net = networks.sketch(method.wiring(4))
        net.reach = method(4)
        declared[name] = net, net.reach
    declared["ContSup, R1E"] = networks.resnet(8, width=4).cut(3, context="R1E"), reach.local(3)
    declared["Neuron groups, slices"] = networks.resnet(8, width=4).cut(2, groups=2), reach.groups(2, 2)
    for name, (net, R) in declared.items():
        differences = measure.reach(net, batch).differences(R)
        if differences:
            return "fail", f"{name}: {'; '.join(differences)}", "please report this with the output of `doctor --json`"
    return "ok", f"measured equals declared for all {len(reach.METHODS)} methods", ""


CHECKS = {"python": python, "torch": torch_pair, "packages": packages, "kernel": kernel, "device": device,
          "bfloat16": bfloat16, "data": images, "reach": reaches, "threads": threads}  # notes by weight


def examine():
    """Run every check; return a list of Findings. A check that crashes is a failed check."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(Finding(name, *check()))
        except Exception as error:
            mend = INSTALL if isinstance(error, ImportError) else "do what the message says, then ask again"
            findings.append(Finding(name, "fail", f"{type(error).__name__}: {error}", mend))
    return findings


def verdict(findings):
    """One sentence to act on."""
    failed = [f for f in findings if f.status == "fail"]
    if failed:
        return fill(f"NOT READY: {failed[0].check} is the first thing to mend: {failed[0].mend}.", WIDTH)
    notes = [f for f in findings if f.status == "note" and f.mend]
    if notes:
        return fill(f"READY, with less: {notes[0].detail}; {notes[0].mend}.", WIDTH)
    return "READY: the course begins with notebooks/00_start_here.ipynb."


def configure(parser):
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args):
    findings = examine()
    failed = any(f.status == "fail" for f in findings)
    if args.json:
        print(json.dumps({"ready": not failed, "verdict": verdict(findings), "checks": [f._asdict() for f in findings]},
                         indent=1))
        return int(failed)
    for f in findings:
        print(f"{f.status.upper():<5} {f.check:<9} {f.detail}")
        if f.mend:
            print(f"{'':<16}-> {f.mend}")
    print(verdict(findings))
    return int(failed)
