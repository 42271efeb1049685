import sys

import pytest

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
