"""`show` gives a figure its alt text where readers get it, and compares as `plt.show()` did."""

import base64
import struct

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

from tests.guards import rules

ALT = 'Loss "falls" <quickly> & from left to right.'
SHOW = f"""
import matplotlib.pyplot as plt
from llcourse.course import begin, show
begin("00")
figure, axes = plt.subplots(figsize=(5, 2))
show(figure, {ALT!r})
"""


def test_a_figure_comes_once_with_its_words():
    notebook = new_notebook(cells=[new_code_cell(SHOW), new_code_cell("plt.get_fignums()")])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    nbformat.validate(notebook)
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"] == "<Figure size 500x200 with 1 Axes>"
    assert output.metadata["image/png"]["alt"] == ALT
    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert rules.alts(page) == [ALT] and output.data["image/png"].strip() in page
    assert base64.b64decode(output.data["image/png"])[25] == 3  # colour type: a palette, a third of the bytes
    width, height = struct.unpack(">II", base64.b64decode(output.data["image/png"])[16:24])
    assert 400 < width < 520 and 150 < height < 220
    assert notebook.cells[1].outputs[0].data["text/plain"] == "[]"
    assert not list(rules.figures(notebook))
