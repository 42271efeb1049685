"""`python -m llcourse run` on small notebooks: executing, rewriting in place, recording over seeds, going on after a
stop."""

import json
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from llcourse import paths, results
from llcourse.__main__ import main
from llcourse.course import chapters, record
from llcourse.data import Source

# Like claim() under a recording, without torch: a kernel then starts in a second.
CLAIM = """
import json, os
seed = int(os.environ["LLCOURSE_SEED"])
open(os.environ["LLCOURSE_CLAIMS"], "a").write(json.dumps({"text": "A", "value": 8.0 + seed, "over": 5}) + "\\n")
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch, make_notebook):
    """A checkout in a temporary folder; returns a function that adds a chapter to it."""
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    monkeypatch.setattr(chapters, "FILES", ("03_small.ipynb",))
    monkeypatch.setattr(results, "image_source", lambda: Source("imagefolder", "here", "ab" * 32))
    monkeypatch.chdir(tmp_path)
    return lambda *cells, name="03_small.ipynb": make_notebook(*cells, name=name, folder=tmp_path / "notebooks")


def outputs(path):
    return [output.text for cell in nbformat.read(path, 4).cells for output in cell.outputs if "text" in output]


def test_executes_into_a_folder_of_its_own(checkout, tmp_path, capsys):
    path = checkout("import os\nprint(os.environ['LLCOURSE_PROGRESS'], os.path.basename(os.getcwd()))")
    before = path.read_bytes()
    assert main(["run", "3"]) == 0
    assert outputs(tmp_path / "executed" / "03_small.ipynb") == ["0 notebooks\n"]
    assert path.read_bytes() == before
    assert "executed/03_small.ipynb has the outputs" in capsys.readouterr().out


def test_inplace_rewrites_with_clean_metadata_and_minutes(checkout):
    path = checkout(new_code_cell("print(1)", metadata={"execution": {"began": "now"}}), "print(2)")
    assert main(["run", "03", "--inplace"]) == 0
    notebook = nbformat.read(path, 4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.metadata == {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                                 "language_info": {"name": "python"}}
    assert all("execution" not in cell.metadata for cell in notebook.cells)
    minutes = results.read(results.minutes_file())["03"]
    assert 0 < minutes["minutes"] < 1 and {"cores", "threads", "versions", "date", "commit", "data"} <= minutes.keys()
    assert not list(path.parent.glob("*.part"))


def test_a_stop_names_the_cell_and_keeps_the_committed_notebook(checkout, tmp_path, capsys):
    path = checkout("print(1)", new_code_cell("x = 3\nx / 0", id="split"), new_code_cell("print(2)", execution_count=3))
    before = path.read_bytes()
    assert main(["run", "03", "--inplace"]) == 1
    said = capsys.readouterr().err
    assert "03_small.ipynb stopped in code cell 2 (id split)" in said and "ZeroDivisionError: division by zero" in said
    assert path.read_bytes() == before
    assert outputs(tmp_path / "executed" / "03_small.ipynb") == ["1\n"]


def test_a_notebook_beside_the_chapter_is_none(checkout, tmp_path):
    path, own = checkout("print(1)"), checkout("print(2)", name="03_small_mine.ipynb")
    before = own.read_bytes()
    assert chapters.find() == {"03": path}
    assert main(["run", "--inplace"]) == 0
    assert outputs(path) == ["1\n"] and own.read_bytes() == before and not (tmp_path / "executed").exists()


def test_no_seeds_are_an_error_and_not_a_run_without_them(checkout, capsys):
    path = checkout("print(1)")
    for seeds in ("0", "-1"):
        assert main(["run", "03", "--seeds", seeds]) == 1
        assert f"at least 2 seeds, and 1 job; got {seeds} and 1" in capsys.readouterr().err and not outputs(path)


def test_unknown_chapter_and_options_that_exclude_each_other(checkout, capsys):
    checkout("1")
    assert main(["run", "07"]) == 1 and "no chapter '07'; there are 03" in capsys.readouterr().err
    assert main(["run", "03", "--seeds", "2", "--inplace"]) == 1 and "one at a time" in capsys.readouterr().err
    assert main(["run", "03", "--seeds", "1"]) == 1 and "at least 2 seeds" in capsys.readouterr().err


def test_records_claims_over_seeds_two_at_a_time(checkout, tmp_path):
    checkout("import os\nassert os.environ['LLCOURSE_THREADS'].isdecimal()", CLAIM)
    assert main(["run", "03", "--seeds", "3", "--jobs", "2"]) == 0
    recorded = json.loads((tmp_path / "results" / "claims" / "03.json").read_text())
    assert recorded["claims"] == [{"text": "A", "over": 5, "values": [8, 9, 10], "min": 8, "mean": 9, "std": 1}]
    assert recorded["command"] == "python -m llcourse run 03 --seeds 3 --jobs 2" and recorded["seeds"] == [0, 1, 2]
    assert {"commit", "clean", "versions", "device", "data", "minutes", "date"} <= recorded.keys()
    assert recorded["data"] == {"kind": "imagefolder", "sha256": "ab" * 32}


@pytest.fixture
def executions(monkeypatch):
    """Seeds that were executed, in place of a kernel; a seed in `stopping` stops."""
    ran, stopping = [], set()

    def execute(path, LLCOURSE_SEED, LLCOURSE_CLAIMS, LLCOURSE_THREADS):
        seed = int(LLCOURSE_SEED)
        ran.append(seed)
        with open(LLCOURSE_CLAIMS, "a") as file:
            file.write(json.dumps({"text": "A", "value": 8.0 + seed, "over": 5}) + "\n")
        return None, 0.5, chapters.ChapterError("killed") if seed in stopping else None

    monkeypatch.setattr(chapters, "execute", execute)
    return ran, stopping


def test_finished_seeds_are_kept_and_half_a_seed_is_not(checkout, executions, capsys):
    ran, stopping = executions
    checkout("1")
    stopping.add(2)
    assert main(["run", "03", "--seeds", "4"]) == 1 and "seed 2: killed" in capsys.readouterr().err
    assert results.read(results.claims_file("03")) is None
    finished = {0, 1, *ran} - {2}  # seed 3 may have begun before the stop was seen
    stopping.clear()
    ran.clear()
    assert main(["run", "03", "--seeds", "4"]) == 0 and set(ran) == {0, 1, 2, 3} - finished
    assert results.read(results.claims_file("03"))["claims"][0]["values"] == [8, 9, 10, 11]
    assert results.read(results.claims_file("03"))["minutes"] == 2.0


def test_what_no_commit_holds_is_named_before_the_seeds_run(checkout, executions, tmp_path, capsys):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True, cwd=tmp_path)

    git("init", "-q")
    checkout("1")
    for name in ("log", "a note", "other", "results/claims/04.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    git("add", ".")
    assert main(["run", "03", "--seeds", "2"]) == 0
    said = capsys.readouterr().err
    assert 'no commit holds "a note", log, notebooks/03_small.ipynb and 1 more: ' in said and '"clean": false' in said
    assert results.read(results.claims_file("03"))["clean"] is False
    (tmp_path / ".gitignore").write_text("executed\n")
    git("add", ".")
    git("commit", "-qm", "all of it")
    checkout("2")
    git("commit", "-qam", "another cell")
    assert main(["run", "03", "--seeds", "2"]) == 0
    assert "no commit holds" not in capsys.readouterr().err
    assert results.read(results.claims_file("03"))["clean"] is True


def test_seeds_of_other_code_or_images_are_not_mixed(checkout, executions, monkeypatch):
    ran, _ = executions
    for change in (lambda: checkout("1", "claim(A)", "after"), lambda: checkout("2", "claim(A)", "after"),
                   lambda: monkeypatch.setattr(results, "image_source", lambda: Source("official", "here", "cd" * 32))):
        change()
        ran.clear()
        assert main(["run", "03", "--seeds", "2"]) == 0 and ran == [0, 1]
    ran.clear()
    checkout("2", "claim(A)", "after the last claim no value depends on it")
    assert main(["run", "03", "--seeds", "2"]) == 0 and ran == []


def test_nothing_is_recorded_on_the_standin(checkout, monkeypatch, capsys):
    checkout("1")
    monkeypatch.setattr(results, "image_source", lambda: Source("standin", "no network", "ab" * 32))
    assert main(["run", "03", "--seeds", "2"]) == 1
    assert "python -m llcourse data cifar10" in capsys.readouterr().err


def test_claims_that_change_with_the_seed_are_refused():
    runs = [{"claims": [{"text": f"{n} beats B", "value": 8, "over": 5}]} for n in range(2)]
    with pytest.raises(chapters.ChapterError, match="other things at seed 1 than at seed 0"):
        record._summarise("03", runs)


def test_a_nan_stays_visible():
    runs = [{"claims": [{"text": "A", "value": value, "over": 5}]} for value in (8.0, float("nan"))]
    entry = record._summarise("03", runs)[0]
    assert entry["min"] != entry["min"] and entry["mean"] != entry["mean"]


def test_results_are_written_whole_or_not_at_all(tmp_path):
    results.write(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        results.write(tmp_path / "a.json", {"x": object()})
    assert results.read(tmp_path / "a.json") == {"x": 1} and len(list(tmp_path.iterdir())) == 1


def test_the_code_of_claims_holds_no_alt_text(make_notebook):
    def hashed(alt, figure="figure"):
        path = make_notebook(f'figure = 1\nshow({figure}, """{alt}""")', 'claim("a", 1, over=0)', f"x = {alt!r}")
        return chapters.code_hash(nbformat.read(path, as_version=4))

    assert hashed("two lines") == hashed("three lines") != hashed("two lines", figure="other")
