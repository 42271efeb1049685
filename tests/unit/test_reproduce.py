"""Suites are trained, resumed, kept within a budget and written as the schema says; the table tells what is there."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import jsonschema
import psutil
import pytest
from PIL import Image

from llcourse import data, networks, paths, reach, reproduce, results, training
from llcourse.__main__ import main
from llcourse.data import Source
from llcourse.objectives import InfoPro
from llcourse.recipe import Recipe
from llcourse.reproduce import command, run, suites
from llcourse.reproduce.suites import Configuration, Suite
from llcourse.schedules import named

SCHEMA = json.loads((paths.root() / "results" / "run.schema.json").read_text(encoding="utf-8"))
TINY = Suite(
    "tiny", partial(networks.resnet, 8, width=4, classes=4, shape=(3, 16, 16)),
    Recipe(batch=24, precision="float32"), 2,
    (Configuration("Backprop", published=(20.0, 0.5)), Configuration("DGL", 2, "linear", published=(30.0, 0.5)),
     Configuration("Sequential greedy", 2, schedule="sequential")),
    "a test", {"std": (0.3, 0.2, 0.1), "padding": "zeros"}, "It is a test.")


@pytest.fixture
def tiny(monkeypatch, tmp_path, images):
    """A suite that trains in this process in a second, its results in a temporary folder."""
    monkeypatch.setenv("LLCOURSE_RESULTS", str(tmp_path))
    monkeypatch.setitem(suites.SUITES, "tiny", TINY)
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: images)
    images.source = Source("imagefolder", "here", "ab" * 32)
    monkeypatch.setattr(command, "_apart", lambda job, width, stop: command.execute(job))
    return tmp_path / "tiny"


def job(configuration="dgl-k2-linear", seed=0, deadline=None):
    return run.Job("tiny", configuration, seed, 2, "cpu", 1, deadline, "python -m llcourse reproduce tiny")


def untimed(file):
    record = results.read(file)
    rows = [{**row, "seconds": 0} for row in record["history"]]
    return record | {"history": rows, "minutes": 0, "peak_memory_mb": 0}


@pytest.mark.parametrize("suite", suites.SUITES.values(), ids=list(suites.SUITES))
def test_suites_can_be_made(suite):
    names = [c.name for c in suite.configurations]
    assert len(set(names)) == len(names)
    for c in suite.configurations:
        net = suite.make(c)
        assert net.K == c.K and all(phase.epochs == 1 for phase in named(c.schedule)(net, 1))
        assert suite.epochs_of_a_phase(c, suite.epochs) >= 1


def test_what_no_commit_holds_is_named_before_the_runs_are_made(tiny, monkeypatch, capsys):
    monkeypatch.setattr(results, "_uncommitted", lambda: "?? log\n M README.md")
    assert main(["reproduce", "tiny"]) == 0
    assert "no commit holds log, README.md: " in capsys.readouterr().err
    assert main(["reproduce", "tiny"]) == 0
    assert not capsys.readouterr().err, "nothing is left to make"


def test_what_the_infopro_paper_reports():
    published = {c.name: c.published[0] for c in suites.SUITES["dgl-table"].configurations}
    assert (published["backprop"] == 7.37 and published["dgl-k16-1c2f"] == 16.21
            and published["greedy-sl-k8-linear"] == 21.19)
    assert suites.SUITES["dgl-table"].recipe == Recipe(
        batch=1024, lr=0.8, momentum=0.9, nesterov=True, weight_decay=1e-4, warmup=10, warmup_lr=0.01, curve="infopro",
        precision="float32")


def test_what_the_paper_on_groups_reports():
    """Accuracies of its figure as errors; every row but backprop's with the head of its code, those in groups with the
    diversity term."""
    suite = suites.SUITES["groups-table"]
    published = {c.name: c.published for c in suite.configurations}
    assert (published["backprop"] == (7.0, None) and published["groups-g-2-k16-1c2f-s2"] == (16.6, None)
            and published["groups-g-8-k2-1c2f-s2"] == (11.0, None) and published["dgl-k4-1c2f-s2"] == (11.4, None))
    net = suite.make(suite.configuration("groups-g-2-k4-1c2f-s2"))
    assert net.heads[3][0].stride == (2, 2) and net.objectives[0].weight == 0.5 and net.objectives[0].temperature == 3
    assert all((c.cut.get("diversity") == "paper") == ("groups" in c.cut) and c.head == "1c2f-s2"
               for c in suite.configurations[1:])
    assert (suite.recipe, suite.epochs) == (suites.SUITES["dgl-table"].recipe, 160)


def test_a_suite_says_whose_error_it_shows(tiny, monkeypatch):
    monkeypatch.setitem(suites.SUITES, "tiny", replace(TINY, prediction="all depths", configurations=(
        Configuration("Backprop", published=(20.0, None)),
        Configuration("Groups", 2, "1c2f-s2", cut={"groups": 2, "diversity": "paper"}, published=(30.0, None)))))
    assert main(["reproduce", "tiny"]) == 0
    made = results.read(tiny / "groups-k2-1c2f-s2-seed0.json")
    jsonschema.validate(made, SCHEMA)
    assert {"depth 2, group 1", "final head", "last depth", "thread 2"} < set(made["predictions"])
    assert made["predictions"]["final head"] == pytest.approx(100 - made["error"], abs=0.01)
    backprop, row = reproduce.table("tiny").rows
    assert row["error"] == pytest.approx(100 - made["predictions"]["all depths"]) and row["published"] == "30.00"
    assert backprop["error"] == pytest.approx(results.read(tiny / "backprop-seed0.json")["error"], abs=0.01)
    assert float(row["gap"]) == pytest.approx(row["error"] - backprop["error"], abs=0.01) and row["head"] == "1c2f-s2"
    one, several = reproduce.predictions("tiny", ["final head", "thread 2"]).rows
    assert one["thread 2"] is None and several["thread 2"] == pytest.approx(100 - made["predictions"]["thread 2"])
    monkeypatch.setitem(suites.SUITES, "empty", TINY)
    assert "No prediction is recorded yet: `python -m llcourse reproduce empty`" in str(
        reproduce.predictions("empty", ["final head"]))


def test_what_the_infopro_paper_reports_of_its_own_method():
    """Means of its table 2; every loss told how the authors' code normalises images, the last module's left plain."""
    suite = suites.SUITES["infopro-table"]
    published = {c.name: c.published for c in suite.configurations}
    assert len(published) == 8 and published["infopro-contrast-k4-1c2f"] == (8.58, 0.17)
    assert published["infopro-contrast-k16-1c2f"] == (12.75, 0.11)
    assert published["infopro-softmax-k2-1c2f"] == (8.13, 0.23)
    net = suite.make(suite.configuration("infopro-contrast-k4-1c2f"))
    reconstruction, contrast = net.objectives[0].terms
    assert (reconstruction.mean, reconstruction.std) == (suite.images["mean"], suite.images["std"])
    assert contrast.temperature == 0.07 and net.heads[0][-1].out_features == 128
    assert (suite.recipe, suite.epochs) == (suites.SUITES["dgl-table"].recipe, 160)


def test_suites_of_context_supply():
    short, table = suites.SUITES["context-short"], suites.SUITES["contsup-table"]
    assert {(c.K, c.cut.get("context")) for c in short.configurations} == {
        (K, mode) for K in (4, 10) for mode in ("E", "R1", "R1E", None)}  # R0 is DGL, and made beside
    assert short.recipe == suites.SUITES["dgl-short"].recipe and short.epochs == 20
    weights = short.make(short.configuration("infopro-softmax-k10-1c2f")).objectives[0].weights
    assert weights == (5, 0) and len(table.configurations) == 12 and not any(c.published for c in table.configurations)


def test_context_and_infopro_are_trained_and_recorded(tiny, monkeypatch):
    told = InfoPro(contrast=True, mean=(0.5,) * 3, std=(0.3, 0.2, 0.1))
    monkeypatch.setitem(suites.SUITES, "tiny", replace(TINY, configurations=(
        Configuration("ContSup, R1E", 3, "1c2f", cut={"context": "R1E"}, published=(20.0, 0.5)),
        Configuration("InfoPro, contrast", 2, "1c2f", cut={"objective": told}))))
    assert main(["reproduce", "tiny"]) == 0
    supplied, contrast = (results.read(tiny / f"{name}-1c2f-seed0.json") for name in
                          ("contsup-r1e-k3", "infopro-contrast-k2"))
    for made in (supplied, contrast):
        jsonschema.validate(made, SCHEMA)
        assert made["alignment"][-1] == 1
    assert set(contrast["predictions"]) == {"final head", "all depths"}
    assert [row["accuracy"][0] for row in contrast["history"]] == [None, None]
    assert [row["method"] for row in reproduce.table("tiny").rows] == ["ContSup, R1E", "InfoPro, contrast"]

@pytest.mark.parametrize("name, fast", [("interlocking-2-wise-k4-1c2f", True), ("asynchronous-m-10-s-1-k4-1c2f", False),
                                        ("dgl-codes-of-256-x-4-k4-1c2f", False)])
def test_on_a_gpu_steps_are_captured_where_every_step_is_the_same(name, fast, monkeypatch):
    asked = []
    monkeypatch.setattr("llcourse.reproduce.run.Run", lambda *args, fast, **kwargs: asked.append(fast))
    suite = "interlocking-short" if fast else "async-short"
    run.prepare(run.Job(suite, name, 0, 20, "cuda", 1, None, ""), suites.named(suite),
            suites.named(suite).configuration(name), None)
    assert asked == [fast]


def test_the_preparation_of_the_authors_code():
    """Their normalisation and the padding of their crops; what a suite does not name is the image set's own."""
    table, heads = suites.SUITES["dgl-table"], suites.SUITES["dgl-heads"]
    assert [round(255 * m, 4) for m in table.images["mean"]] == [125.3, 123.0, 113.9]
    assert [round(255 * s, 4) for s in table.images["std"]] == [63.0, 62.1, 66.7] and "padding" not in table.images
    assert heads.images == {"std": (0.2023, 0.1994, 0.2010), "padding": "zeros"}
    assert (table.network().initialisation, heads.network().initialisation) == ("he", "pytorch")
    assert heads.recipe == Recipe(batch=128, lr=0.1, momentum=0.9, nesterov=False, weight_decay=5e-4, warmup=0,
                                  curve="steps", drops=(0.3, 0.6, 0.9), precision="float32")


def test_a_suite_is_recorded_and_a_second_call_makes_nothing_again(tiny, capsys):
    assert main(["reproduce", "tiny", "--seeds", "2"]) == 0
    files = sorted(tiny.iterdir())
    assert [f.name for f in files] == [f"{name}-seed{seed}.json" for name in
                                       ("backprop", "dgl-k2-linear", "sequential-greedy-k2-linear") for seed in (0, 1)]
    for file in files:
        jsonschema.validate(results.read(file), SCHEMA)
    first = results.read(tiny / "dgl-k2-linear-seed0.json")
    assert first["images"] == {"mean": [0.5] * 3, "std": [0.3, 0.2, 0.1], "padding": "zeros"}
    assert first["initialisation"] == "he"
    assert first["configuration"]["reach"] == reach.local(2).tolist() and len(first["history"]) == 2
    assert first["error"] == pytest.approx(100 - first["history"][-1]["accuracy"][-1], abs=0.01)
    printed = capsys.readouterr().out
    assert ("[6/6]" in printed and "minutes left" in printed and "+- 0.50" in printed
            and "not recorded" not in printed)
    times = [f.stat().st_mtime_ns for f in files]
    assert main(["reproduce", "tiny", "--seeds", "2"]) == 0 and "6 of 6 runs are there" in capsys.readouterr().out
    assert [f.stat().st_mtime_ns for f in files] == times


def test_a_killed_run_goes_on_where_it_stopped(tiny, monkeypatch):
    run.execute(job())
    expected = untimed(job().file)
    job().file.unlink()
    batches, left = data.Images.batches, iter(range(4))  # three steps an epoch: killed in the second

    def killed(*args, **kwargs):
        for pair in batches(*args, **kwargs):
            if next(left, None) is None:
                raise SystemExit
            yield pair

    monkeypatch.setattr(data.Images, "batches", killed)
    with pytest.raises(SystemExit):
        run.execute(job())
    assert job().checkpoint.exists() and not job().file.exists()
    monkeypatch.setattr(data.Images, "batches", batches)
    seen = []
    monkeypatch.setattr(training, "epoch", lambda *args, epoch=training.epoch: seen.append(1) or epoch(*args))
    run.execute(job())
    assert untimed(job().file) == expected and len(seen) == 1
    assert [f.name for f in tiny.iterdir()] == [job().file.name]


def test_a_line_a_run_says_what_was_reached():
    lines = [command._summary(SimpleNamespace(file=paths.root() / "results" / name / "backprop-seed0.json"))
             for name in ("gpt-short", "dgl-short")]
    assert lines[0].startswith("bits per byte 1.9798 in ") and re.match(r"error 1\d\.\d\d % in ", lines[1])


def test_nothing_starts_that_cannot_end_in_time(tiny, capsys):
    assert "needs about" in run.execute(job(deadline=time.time() - 1)) and not tiny.exists()
    assert run.execute(job(deadline=time.time() + 600)) is None and job().file.exists()
    assert main(["reproduce", "tiny", "--minutes", "0"]) == 0
    assert "2 to make" in (printed := capsys.readouterr().out) and "backprop-seed0: needs about" in printed
    assert [f.name for f in tiny.iterdir()] == [job().file.name]


def test_a_run_that_fails_costs_no_other(tiny, monkeypatch, capsys):
    def execute(asked):
        if asked.configuration == "backprop":
            raise MemoryError("no memory left")
        return run.execute(asked)

    monkeypatch.setattr(command, "execute", execute)
    assert main(["reproduce", "tiny"]) == 1
    assert "backprop-seed0: FAILED, MemoryError: no memory left" in capsys.readouterr().out
    assert len(list(tiny.iterdir())) == 2


@pytest.mark.parametrize("arguments, words", [
    (["--epochs", "3"], "3 epochs cannot be shared out equally to the 2 modules"),
    (["--epochs", "0"], "0 epochs"), (["--seeds", "0"], "got 0 and 1"), (["--jobs", "0"], "got 1 and 0"),
    (["--device", "nowhere"], "nowhere"),
])
def test_arguments_that_cannot_be(tiny, capsys, arguments, words):
    assert main(["reproduce", "tiny", *arguments]) == 1
    assert words in capsys.readouterr().err and not tiny.exists()


def test_nothing_is_recorded_on_the_standin(tiny, images, capsys):
    images.source = Source("standin", "no network", "ab" * 32)
    assert main(["reproduce", "tiny"]) == 1
    assert "python -m llcourse data cifar10" in capsys.readouterr().err and not tiny.exists()


def test_runs_of_another_length_lie_apart(tiny):
    assert main(["reproduce", "tiny", "--epochs", "4"]) == 0
    assert len(list((tiny.parent / "tiny-4-epochs").iterdir())) == 3 and not tiny.exists()
    assert not any(reproduce.runs("tiny").values())


def rewritten(asked, **changes):
    """A run that was made, its record changed."""
    run.execute(asked)
    results.write(asked.file, results.read(asked.file) | changes)


def test_the_table_shows_what_is_recorded_and_names_the_rest(tiny):
    rows = [{"epoch": n, "phase": 0, "loss": [1.0, 1.0], "accuracy": [None, accuracy], "seconds": 1.0}
            for n, accuracy in enumerate((None, 73.0, 71.5), 1)]
    for seed, error in enumerate((28.0, 29.0)):
        rewritten(job(seed=seed), error=error, history=rows)
    title, head, row, *notes = str(reproduce.table("tiny")).splitlines()
    assert title == "tiny, 2 epochs: test error (%)"
    assert head.split() == "method K head seeds error spread gap best published difference".split()
    assert row.split() == ["DGL", "2", "linear", "2", "28.50", "0.71", "-", "27.00", "30.00", "+-", "0.50", "-1.50"]
    assert notes[0] == "published values: a test" and notes[2] == "It is a test." and "ImageFolder copy" in notes[3]
    assert " ".join(notes[5:]).split() == ("not recorded yet: Backprop; Sequential greedy, K = 2, linear: `python -m "
                                           "llcourse reproduce tiny`").split()
    rewritten(job("backprop"), error=20.25)
    shown = reproduce.table("tiny")
    assert [row["gap"] for row in shown.rows] == [None, "+7.75"]  # at seed 0 alone
    rewritten(job("sequential-greedy-k2-linear"))
    assert "not recorded" not in str(reproduce.table("tiny")) and reproduce.table("tiny").rows[2]["published"] is None
    assert list(reproduce.histories("tiny")) == ["Backprop", "DGL, K = 2, linear", "Sequential greedy, K = 2, linear"]


def test_alignments_are_means_over_the_runs_that_have_them(tiny):
    assert "No alignment at K = 2 is recorded yet" in str(reproduce.alignments("tiny", 2))
    for seed, measured in enumerate(([0.25, 1.0], [0.75, 1.0], None)):
        rewritten(job(seed=seed), alignment=measured)
    run.execute(job("sequential-greedy-k2-linear"))
    measured = results.read(job("sequential-greedy-k2-linear").file)["alignment"]
    assert len(measured) == 2 and -1 <= measured[0] < measured[1] == 1  # the last module's loss is backprop's
    rows = reproduce.alignments("tiny", 2).rows
    assert rows[0] == {"method": "DGL", "seeds": 2, "1": 0.5, "2": 1.0} and rows[1]["1"] == measured[0]


def test_runs_made_beside_a_suite_stand_in_its_table(tiny, monkeypatch):
    beside = replace(TINY, configurations=(Configuration("Backprop"),), beside=(("tiny", "dgl-k2-linear"),))
    monkeypatch.setitem(suites.SUITES, "beside", beside)
    run.execute(job())
    assert "No run of tiny is recorded yet" in str(reproduce.table("beside"))
    run.execute(replace(job("backprop"), suite="beside"))
    shown = reproduce.table("beside")
    assert [row["method"] for row in shown.rows] == ["DGL", "Backprop"] and "not recorded" not in str(shown)
    assert shown.rows[0]["gap"] is not None


def test_a_table_without_published_values_has_no_columns_for_them(tiny, monkeypatch):
    monkeypatch.setitem(suites.SUITES, "tiny", replace(TINY, configurations=(Configuration("Backprop"),)))
    run.execute(job("backprop"))
    assert reproduce.table("tiny").columns == ["method", "K", "head", "seeds", "error", "spread", "gap"]


def test_where_nothing_is_recorded_the_table_is_one_sentence(tiny):
    shown = reproduce.table("tiny")
    assert shown.rows == [] and " ".join(str(shown).split()) == (
        "No run of tiny is recorded yet: `python -m llcourse reproduce tiny`; published values: a test.")
    assert "tiny --epochs 4`" in str(reproduce.table("tiny", 4))


@pytest.mark.parametrize("suite", suites.SUITES)
def test_no_line_of_a_table_is_longer_than_a_page(tiny, suite):
    """Every row of the suite there, its figures as wide as they come."""
    assert max(map(len, str(reproduce.table(suite)).splitlines())) <= 100
    kind, score = "library" if suites.SUITES[suite].text else "imagefolder", suites.SUITES[suite].score.name
    for c in suites.SUITES[suite].configurations:
        for seed in (0, 1):
            results.write(run.folder(suite) / f"{c.name}-seed{seed}.json", {
                "name": c.name, "seed": seed, "error": 10.0 + 79.9 * seed, "device": "a device with a long name " * 3,
                "precision": "bfloat16", "data": {"kind": kind, "sha256": "ab" * 32}, "versions": {"python": "3.14.10"},
                "history": [{score: [20.0]}], "predictions": {"all depths": 20.0}})
    shown = reproduce.table(suite)
    assert len(shown.rows) == len(suites.SUITES[suite].configurations)
    assert max(map(len, str(shown).splitlines())) <= 100


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A copy of CIFAR-10 of three training images a class; results in a temporary folder."""
    for split, images in (("train", 3), ("test", 1)):
        for label, name in enumerate(data.SETS["cifar10"].classes):
            folder = tmp_path / "cifar10" / split / name
            folder.mkdir(parents=True)
            for n in range(images):
                Image.new("RGB", (32, 32), (25 * label, 80 * n, 0)).save(folder / f"{n}.png")
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
    monkeypatch.setenv("LLCOURSE_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_in_a_process_of_its_own(pictures):
    asked = run.Job("dgl-short", "backprop", 0, 1, "cpu", 1, None, "python -m llcourse reproduce dgl-short --epochs 1")
    assert command._apart(asked, 1, threading.Event()) is None
    jsonschema.validate(results.read(pictures / "dgl-short-1-epochs" / "backprop-seed0.json"), SCHEMA)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_command_leaves_a_checkpoint_and_no_orphan(pictures, number):
    folder = pictures / "dgl-short-40000-epochs"
    process = subprocess.Popen(
        [sys.executable, "-m", "llcourse", "reproduce", "dgl-short", "--epochs", "40000", "--device", "cpu"],
        cwd=paths.root(), env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))  # what runs in the background ignores Ctrl-C
    wait_until(lambda: list(folder.glob(".*.safetensors")), 60)
    children = psutil.Process(process.pid).children()
    process.send_signal(number)  # to the parent alone
    process.wait(20)
    wait_until(lambda: not any(alive(child) for child in children), 20)
    assert children and list(folder.glob(".*.safetensors")) and not list(folder.glob("*.json"))
    assert number == signal.SIGKILL or "goes on from here" in process.stderr.read()
    process.stderr.close()


def test_a_run_that_is_just_starting_when_the_command_is_stopped_is_ended_too(monkeypatch):
    born = threading.Event()

    def late(job, width, stop):
        os.kill(os.getpid(), signal.SIGINT)
        stop.wait(20)  # past the look at `stop` and not yet among the children
        process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
        process.start()
        born.set()
        process.join()

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # workers of pytest-xdist do not heed it
    try:
        monkeypatch.setattr(command, "_apart", late)
        began = time.monotonic()
        assert command.work_off([job()], 1) is True
        assert born.is_set() and time.monotonic() - began < 30
    finally:
        signal.signal(signal.SIGINT, usual)


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # which nobody may be there to reap
    except psutil.NoSuchProcess:
        return False
