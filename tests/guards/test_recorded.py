"""Every committed run is whole, follows the schema and is what its suite describes."""

import json
from dataclasses import asdict

import jsonschema
import pytest

from llcourse import paths, results
from llcourse.data import SETS
from llcourse.recipe import Recipe
from llcourse.reproduce.suites import SUITES

FOLDER = paths.root() / "results"
FILES = sorted(file for name in SUITES for file in (FOLDER / name).glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_run(file):
    run, suite = results.read(file), SUITES[file.parent.name]
    jsonschema.validate(run, json.loads((FOLDER / "run.schema.json").read_text(encoding="utf-8")))
    c = suite.configuration(run["name"])
    assert file.name == f"{c.name}-seed{run['seed']}.json" and run["suite"] == file.parent.name
    assert (run["epochs"], len(run["history"])) == (suite.epochs, suite.epochs)
    net = suite.make(c)
    assert {"borders": []} | run["configuration"] == {  # older runs had no borders
        "method": c.method, "K": c.K, "head": c.head, "schedule": str(c.schedule), "reach": net.reach.tolist(),
        "borders": [" ".join(repr(border).split()) for border in net.borders if border]}
    assert (suite.recipe.precision, run["precision"]) in {("float32",) * 2, ("bfloat16",) * 2}
    expected = json.loads(json.dumps(asdict(suite.recipe)))
    # dgl-short was recorded under "auto", which took bfloat16; a setting newer than a run had its default then
    usual = asdict(Recipe()) | {"precision": "float32"}
    recorded = usual | run["recipe"] | {"precision": run["precision"]}
    assert json.loads(json.dumps(recorded)) == expected
    own = SETS["cifar10"]
    usual = {"mean": own.mean, "std": own.std, "padding": "reflect"}
    if not suite.text:
        assert json.loads(json.dumps(run.get("images", usual))) == json.loads(json.dumps(usual | suite.images))
    assert run.get("text") == suite.text and (run["data"]["kind"] == "library") == bool(suite.text)
    assert run.get("initialisation", "he") == suite.network().initialisation
    assert run["error"] == pytest.approx(
        suite.score.error(run["history"][-1][suite.score.name][-1]), abs=0.01)
    assert run["clean"] and run["commit"], "recorded from code that no commit holds"


def test_results_hold_nothing_else():
    known = {"README.md", "run.schema.json", "minutes.json", "claims", *SUITES}
    strangers = {p.name for p in FOLDER.iterdir()} - known
    assert not {name for name in strangers if not name.endswith("-epochs")}
