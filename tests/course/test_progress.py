"""The bar in a notebook: one line of plain text that goes along, and is saved with the notebook as it ended."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

DONE = """
from llcourse.progress import progress
for _ in progress(range(30), label="counting"):
    pass
"""
TRAIN = """
import torch
import llcourse as ll
from llcourse.data import Images, Source

x, y = torch.randint(0, 255, (64, 16, 16, 3), dtype=torch.uint8), torch.arange(64) % 4
images = Images("noise", x, y, x, y, "abcd", Source("standin", "a test", "0"), [0.5] * 3, [0.2] * 3)
net = ll.networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, reach=ll.reach.backprop(2))
ll.train(net, images, epochs=2)
ll.train(net, images, epochs=2, label="the second")
net.reach = [[0, 0], [1, 1]]
with_lr = ll.Recipe(lr=1e30, warmup=0)
try:
    ll.train(net, images, epochs=2, recipe=with_lr)
except ll.NonFiniteLoss:
    pass
"""


FAILED = """
from llcourse.progress import progress
with progress(total=0, label="a file of which nothing came"):
    pass
try:
    with progress(total=2, label="a test after the last step") as bar:
        bar.update(2)
        raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
"""


@pytest.fixture
def lines(monkeypatch):
    """lines(code): the text outputs that a saved notebook holds after it has run `code`."""

    def run(code):
        notebook = new_notebook(cells=[new_code_cell(code)])
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        nbformat.validate(notebook)
        assert all(output.output_type == "display_data" and list(output.data) == ["text/plain"]
                   for output in notebook.cells[0].outputs)
        return [output.data["text/plain"] for output in notebook.cells[0].outputs]

    monkeypatch.delenv("LLCOURSE_PROGRESS", raising=False)
    return run


def test_a_finished_bar_leaves_a_line(lines):
    (line,) = lines(DONE)
    assert line.startswith("counting: done in 00:0")


def test_bars_of_runs_have_names_and_say_how_they_ended(lines):
    first, second, third = lines(TRAIN)
    assert first.startswith("Backprop, K = 2: done in 00:") and ", accuracy " in first
    assert second.startswith("the second: done in 00:")
    assert third.startswith("Backprop, K = 2: stopped at 0 of 2 after 00:") or "stopped at 1 of 2" in third


def test_what_failed_is_not_done(lines):
    nothing, tested = lines(FAILED)
    assert nothing.startswith("a file of which nothing came: stopped at ")
    assert tested.startswith("a test after the last step: stopped at 2 of 2 after ")


def test_silence_when_told(lines, monkeypatch):
    monkeypatch.setenv("LLCOURSE_PROGRESS", "0")
    assert lines(DONE) == []


def test_a_narrow_terminal_behind_jupyter_cuts_no_line(lines, monkeypatch):
    narrow = "import tqdm.std\ntqdm.std._screen_shape_wrapper = lambda: lambda file: (40, 20)\n"
    (line,) = lines(narrow + DONE.replace("counting", "counting " * 8))
    assert len(line) > 70 and "done in 00:0" in line
