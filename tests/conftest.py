"""Shared by all tests: small notebooks made on the spot, and a small image set that can be learnt."""

import pytest
import torch

from llcourse.data import Images, Source


@pytest.fixture(autouse=True)
def one_thread():
    """Whatever the test before has set, as `reproduce` does: with more threads the progress bar watches the clock."""
    torch.set_num_threads(1)


@pytest.fixture
def make_notebook(tmp_path):
    """make_notebook(*cells, name=...) writes a notebook and returns its path. A text is a code cell; cells pass
    through."""
    import nbformat  # late: tests of steps also run on a GPU's machine, where there is no Jupyter
    from nbformat.v4 import new_code_cell, new_notebook

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
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell


@pytest.fixture
def images():
    """The label is the quadrant that is bright."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 120, (104, 16, 16, 3), generator=generator, dtype=torch.uint8)
    y = torch.arange(104) % 4
    for image, label in zip(x, y.tolist()):
        top, left = 8 * (label // 2), 8 * (label % 2)
        image[top : top + 8, left : left + 8] += 100
    return Images("quadrants", x[:72], y[:72], x[72:], y[72:], "abcd", Source("standin", "a test", "0"),
                  [0.5] * 3, [0.2] * 3)
