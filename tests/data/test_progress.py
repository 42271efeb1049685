import sys

import pytest

from llcourse import progress as module
from llcourse.progress import progress


def bars(capsys, monkeypatch, terminal, setting):
    monkeypatch.setenv("LLCOURSE_PROGRESS", setting) if setting else monkeypatch.delenv(
        "LLCOURSE_PROGRESS", False
    )
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert list(progress(range(3), label="counting")) == [0, 1, 2]
    with progress(total=5, label="by hand") as bar:
        bar.update(5)
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("terminal, setting", [(False, None), (True, "0"), (False, "1")])
def test_silent_without_a_terminal_or_when_told_to_be(capsys, monkeypatch, terminal, setting):
    assert bars(capsys, monkeypatch, terminal, setting) == ""


def test_shown_in_a_terminal(capsys, monkeypatch):
    shown = bars(capsys, monkeypatch, True, None)
    assert "counting: 100%" in shown and "by hand: 100%" in shown and "5/5" in shown


@pytest.mark.parametrize("seconds, said", [([0.1] * 20 + [1.1] * 9, 1), ([0.1] * 20 + [0.9] * 20, 0),
                                           ([0.1] * 20 + [30, 0.1, 30] + [0.1] * 9, 0), ([1.1] * 40, 0)],
                         ids=["slow", "not that slow", "two pauses", "always so"])
def test_a_bar_says_once_that_it_has_become_slow(capsys, monkeypatch, seconds, said):
    monkeypatch.delenv("LLCOURSE_PROGRESS", False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    notes = []
    with progress(total=100, slow="SLOW") as bar:
        monkeypatch.setattr(bar, "set_postfix_str", lambda text, refresh: notes.append(text))
        for step in [*seconds, *seconds[-9:]]:
            now[0] += step
            bar.update()
    assert notes == ["SLOW"] * said
