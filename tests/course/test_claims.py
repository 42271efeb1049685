"""A claim prints a verdict, never raises, and is recorded where a recording asks for it."""

import json

import pytest
import torch

from llcourse import results
from llcourse.course import claims, session
from llcourse.course.claims import claim, margins


@pytest.mark.parametrize("value, printed", [
    (6.25, "PASS  A beats B by more than 5 points\n"),
    (torch.tensor(6.25), "PASS  A beats B by more than 5 points\n"),
    (5, "NOT SHOWN HERE  A beats B by more than 5 points: measured 5.00, needs more than 5\n"),
    (1.234, "NOT SHOWN HERE  A beats B by more than 5 points: measured 1.23, needs more than 5\n"),
    (float("nan"), "NOT SHOWN HERE  A beats B by more than 5 points: measured nan, needs more than 5\n"),
])
def test_verdict(monkeypatch, capsys, value, printed):
    monkeypatch.delenv("LLCOURSE_CLAIMS", raising=False)
    claim("A beats B by more than 5 points", value, over=5)
    assert capsys.readouterr().out == printed


def test_claims_are_added_to_the_file_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LLCOURSE_CLAIMS", str(tmp_path / "claims.jsonl"))
    monkeypatch.setattr(session, "active", session.Session("03", 4, 1, torch.device("cpu")))
    claim("A", 1.5, over=1)
    claim("B", 0.5, over=1)
    rows = [json.loads(line) for line in (tmp_path / "claims.jsonl").read_text().splitlines()]
    assert rows == [{"chapter": "03", "seed": 4, "text": "A", "value": 1.5, "over": 1},
                    {"chapter": "03", "seed": 4, "text": "B", "value": 0.5, "over": 1}]


def test_margins_before_and_after_recording(monkeypatch, tmp_path):
    monkeypatch.setattr(claims.results, "claims_file", lambda chapter: tmp_path / f"{chapter}.json")
    assert str(margins("03")) == "not yet recorded: `python -m llcourse run 03 --seeds 10`"
    entry = {"text": "A beats B", "over": 5, "values": [7, 9], "min": 7, "mean": 8, "std": 1.4142}
    results.write(tmp_path / "03.json", {"seeds": [0, 1], "claims": [entry]})
    title, head, line = str(margins("03")).splitlines()
    assert title == "Claims of chapter 03 at 2 seeds"
    assert head.split() == ["claim", "needs", "smallest", "mean", "spread"]
    assert line.split() == ["A", "beats", "B", "5.00", "7.00", "8.00", "1.41"]


def test_a_long_claim_is_wrapped(monkeypatch, tmp_path):
    monkeypatch.setattr(claims.results, "claims_file", lambda chapter: tmp_path / f"{chapter}.json")
    entry = {"text": "as many words " * 6, "over": 500, "values": [7, 9], "min": 700, "mean": 800.25, "std": 101.4142}
    results.write(tmp_path / "03.json", {"seeds": [0, 1], "claims": [entry]})
    lines = str(margins("03")).splitlines()
    assert max(map(len, lines)) <= 100 and " ".join(lines).count("words") == 6
    assert lines[2].split()[-4:] == ["500.00", "700.00", "800.25", "101.41"] and len(lines) == 4
