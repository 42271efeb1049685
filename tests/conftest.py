"""Shared by all tests: small notebooks made on the spot."""

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

torch.set_num_threads(1)


@pytest.fixture
def make_notebook(tmp_path):
    """make_notebook(*cells, name=...) writes a notebook and returns its path. A text is a code cell; cells pass through."""

    def make(*cells, name="03_small.ipynb", folder=tmp_path):
        made = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        notebook = new_notebook(cells=made, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3",
                                                                     "language": "python"}})
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / name)
        return folder / name

    return make


@pytest.fixture
def text_cell():
    return new_markdown_cell
