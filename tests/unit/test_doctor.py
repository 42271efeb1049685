"""The doctor's findings and verdicts, on this machine and on broken ones."""

import json
import sys

import pytest
import torch

from llcourse import __main__, doctor, measure, reach


def test_this_machine_passes_all_but_perhaps_the_data(monkeypatch):
    findings = {f.check: f for f in doctor.examine()}
    assert list(findings) == list(doctor.CHECKS)
    assert all(f.status != "fail" for f in findings.values()), findings
    assert f"all {len(reach.METHODS)} methods" in findings["reach"].detail


def test_json_is_for_machines(capsys):
    assert __main__.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ready"] and report["verdict"].startswith("READY")


def test_a_kernel_of_another_environment_on_the_same_python_is_noted(tmp_path, monkeypatch):
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    assert doctor.kernel()[0] == "ok"
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.symlink_to(sys.executable)
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: KernelSpec(argv=[str(other)]))
    assert doctor.kernel()[:2] == ("note", "the kernel python3 runs another Python")


@pytest.mark.parametrize("fault, words", [
    ("missing", "cannot be read"), ("empty", "is empty"), ("truncated", "truncated"),
])
def test_data_that_no_chapter_could_load_is_a_failure(tmp_path, monkeypatch, fault, words):
    folder = tmp_path / "data"
    if fault != "missing":
        folder.mkdir()
    if fault == "truncated":
        (folder / "cifar-10-python.tar.gz").write_bytes(b"half")
    monkeypatch.setenv("LLCOURSE_DATA", str(folder))
    (finding,) = [f for f in doctor.examine() if f.check == "data"]
    assert finding.status == "fail" and words in finding.detail


def test_mismatched_builds_are_recognised(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torchvision":
                raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    status, detail, mend = doctor.torch_pair()
    assert status == "fail" and "nms does not exist" in detail and "pip install torch torchvision" in mend


def test_missing_and_old_packages_are_named(monkeypatch):
    wanted = ["no-such-package>=1", "numpy>=99", "pillow>=1", 'not-for-learners; extra == "test"']
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: wanted)
    status, detail, mend = doctor.packages()
    assert status == "fail" and "make install" in mend
    assert detail.startswith("no-such-package is missing; numpy is ") and detail.endswith(", needs >=99")


def test_a_leak_is_a_failure(monkeypatch):
    real = measure.reach

    def leaky(net, batch):
        found = real(net, batch)
        found.through["loss 4", "module 1"] = {"0.weight": 1.0}
        return found

    monkeypatch.setattr(measure, "reach", leaky)
    status, detail, _ = doctor.reaches()
    assert status == "fail" and "loss 4 leaks into module 1 through 0.weight" in detail and "Greedy" in detail


@pytest.mark.parametrize("together, status, words", [(0.6, "ok", "0.60"), (5.0, "note", "5.00")])
def test_threads_that_wait_for_a_core_are_noted(monkeypatch, together, status, words):
    asked, before, set_threads = [], torch.get_num_threads(), torch.set_num_threads
    monkeypatch.delenv("LLCOURSE_THREADS", False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: asked.append(n) or set_threads(n))

    def timed(steps, rounds, device):
        for step in steps:
            step()
        return [1.0, together]

    monkeypatch.setattr("llcourse.timing.round_robin", timed)
    try:
        found, detail, mend = doctor.threads()
    finally:
        set_threads(before)
    assert asked == [1, 2, 2]  # one, all, and all again behind it
    assert found == status and f"2 threads take {words} of the time of one" in detail
    assert ("LLCOURSE_THREADS=1" in mend and "another process" in detail) == (status == "note")


@pytest.mark.parametrize("usual, chosen", [(1, None), (2, "1")])
def test_one_thread_has_nobody_to_wait_for(monkeypatch, usual, chosen):
    monkeypatch.setattr(torch, "get_num_threads", lambda: usual)
    monkeypatch.setenv("LLCOURSE_THREADS", chosen) if chosen else monkeypatch.delenv("LLCOURSE_THREADS", False)
    assert doctor.threads() == ("ok", "one", "")


def test_missing_images_matter_more_than_a_busy_core(monkeypatch):
    for check in doctor.CHECKS:
        monkeypatch.setitem(doctor.CHECKS, check, lambda check=check: ("note", check, "mend"))
    order = list(doctor.CHECKS)
    assert order.index("data") < order.index("threads")
    assert doctor.verdict([f for f in doctor.examine() if f.check in ("data", "threads")]).startswith(
        "READY, with less: data")


def test_one_broken_check_leaves_the_others(monkeypatch, capsys):
    def crash():
        raise OSError("disk on fire")

    monkeypatch.setattr(doctor, "CHECKS", {"python": doctor.python, "disk": crash})
    findings = doctor.examine()
    assert [f.status for f in findings] == ["ok", "fail"] and "disk on fire" in findings[1].detail
    assert doctor.verdict(findings).startswith("NOT READY: disk")


@pytest.mark.parametrize("statuses, start", [
    (["ok", "ok"], "READY: the course begins"), (["ok", "note"], "READY, with less"),
])
def test_verdicts(statuses, start):
    assert doctor.verdict([doctor.Finding("x", s, "d", "m" if s != "ok" else "") for s in statuses]).startswith(start)


@pytest.mark.parametrize("status", ["note", "fail"])
def test_no_line_is_too_long_for_a_notebook(status, monkeypatch):
    monkeypatch.setattr("llcourse.timing.round_robin", lambda *_: [1.0, 1.62])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.delenv("LLCOURSE_THREADS", False)
    found = doctor.Finding("threads", *doctor.threads())
    assert found.status == "note" and len(f"{found.status:<5} {found.check:<9} {found.detail}") <= 100
    verdict = doctor.verdict([found._replace(status=status)])
    assert max(map(len, verdict.splitlines())) <= 100 and "LLCOURSE_THREADS=1" in verdict.replace("\n", " ")
