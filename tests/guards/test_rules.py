"""Each rule notices what it is there for, and is silent on a notebook that is as it should be."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.guards import rules
from tests.guards.links import broken_links


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(**data):
    return new_output("display_data", data={kind.replace("_", "/"): value for kind, value in data.items()})


def figure_cell(html='<img alt="Loss falls with depth, from left to right." src="data:image/png;base64,//opt/x0x=">'):
    more = {"text_html": html} if html else {}
    return new_code_cell("show(figure, alt)",
                         outputs=[shown(image_png="iVBORw0KGgo=", text_plain="<Figure size 700x350>", **more)])


def error_cell(tags=(), **note):
    return new_code_cell("1/0", metadata={"tags": list(tags), "llcourse": note},
                         outputs=[new_output("error", ename="ZeroDivisionError", evalue="division by zero",
                                             traceback=[])])


def free(source="device", **note):
    return new_code_cell(source, metadata={"tags": ["nbval-ignore-output"], "llcourse": note})


def chapter(*cells, words=1000, kernel="python3", **metadata):
    """A good chapter of six code cells with `cells` added at its end, counted in order."""
    code = [new_code_cell(f"x = {n}\nfor _ in range(3):\n    x += 1\nx", outputs=[stream("PASS  4 modules\n")])
            for n in range(5)]
    made = [new_markdown_cell("word " * words), *code, figure_cell(), *cells]
    for count, cell in enumerate((c for c in made if c.cell_type == "code"), 1):
        cell.execution_count = cell.execution_count or count
    return new_notebook(cells=made, metadata={"kernelspec": {"name": kernel, "display_name": kernel}, **metadata})


def test_a_good_chapter_breaks_no_rule():
    good = chapter(new_code_cell("import llcourse as ll\nimport torch"), new_code_cell("import torch"),
                   free(reason="versions differ"), error_cell(["raises-exception"], reason="shows the message"),
                   new_markdown_cell("See [the map](00_start_here.ipynb) and "
                                     "[a paper](https://arxiv.org/abs/1901.08164)."))
    nbformat.validate(good)
    assert [fault for rule in rules.RULES for fault in rule(good)] == []


BROKEN = [
    (rules.executed_in_order, chapter(new_code_cell("y", execution_count=9))),
    (rules.no_stderr, chapter(new_code_cell("y", outputs=[stream("UserWarning", "stderr")]))),
    (rules.printed_lines, chapter(new_code_cell("y", outputs=[stream("short\n" + 101 * "x")]))),
    (rules.printed_lines, chapter(new_code_cell("y", outputs=[shown(text_plain=101 * "x")]))),
    (rules.no_errors, chapter(error_cell())),
    (rules.no_errors, chapter(error_cell(["raises-exception"]))),
    (rules.tags_not_comments, chapter(new_code_cell("# NBVAL_IGNORE_OUTPUT\ny"))),
    (rules.free_cells, chapter(free())),
    (rules.free_cells, chapter(free(reason="a"), free(reason="b"))),
    (rules.llcourse_before_torch, chapter(new_code_cell("import copy\n\nfrom torch import nn\nimport llcourse as ll"))),
    (rules.no_semicolon, chapter(new_code_cell("plot(x);\n"))),
    (rules.no_output_history, chapter(new_code_cell("y = _ + 1"))),
    (rules.no_output_history, chapter(new_code_cell("print(Out[3])"))),
    (rules.no_output_history, chapter(new_code_cell("%matplotlib inline\nprint(_12)"))),
    (rules.cell_length, chapter(new_code_cell("y = 1\n" * 26))),
    (rules.chapter_length, chapter(words=599)),
    (rules.chapter_length, chapter(words=2300)),
    (rules.chapter_length, chapter(*[new_code_cell("y = 1\n" * 24) for _ in range(10)])),
    (rules.nothing_remote, chapter(new_markdown_cell("![net](https://example.org/net.png)"))),
    (rules.nothing_remote, chapter(new_markdown_cell('<img alt="net" src="//example.org/net.png">'))),
    (rules.nothing_remote, chapter(new_markdown_cell("![net][1]\n\n[1]: https://example.org/net.png"))),
    (rules.nothing_remote, chapter(new_markdown_cell("<script>alert(1)</script>"))),
    (rules.nothing_remote,
     chapter(new_code_cell("y", outputs=[shown(text_html="<img src='https://example.org/a.png'>")]))),
    (rules.figures, chapter(figure_cell(None))),
    (rules.figures, chapter(figure_cell("<b>Loss falls with depth, from left to right.</b>"))),
    (rules.figures, chapter(figure_cell("<img src='data:image/png;base64,aa'>"))),
    (rules.figures, chapter(figure_cell("<img alt='a plot' src='data:image/png;base64,aa'>"))),
    (rules.figures, chapter(new_code_cell("y", outputs=[shown(text_html="<img src='data:image/png;base64,aa'>")]))),
    (rules.figures,
     chapter(new_code_cell("y", outputs=[new_output("display_data", data={"image/svg+xml": "<svg/>"})]))),
    (rules.clean_metadata, chapter(kernel="llcourse")),
    (rules.clean_metadata, chapter(widgets={"application/vnd.jupyter.widget-state+json": {}})),
    (rules.clean_metadata, chapter(new_code_cell("y", metadata={"execution": {"iopub.execute_input": "now"}}))),
    *[(rules.same_everywhere, chapter(new_code_cell("y", outputs=[stream(text)]))) for text in (
        "saved to " + "/home" + "/ada/net.pt", "C:\\Users\\ada", "<object at 0x7f2b1c0d5e80>", "run on 2026-11-20",
        "at 13:05:59",
        " 45%|####5     | 45/100", "45/100 [00:03<00:04, 12.1it/s]")],
]


@pytest.mark.parametrize("rule, broken", BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_rule_notices(rule, broken):
    assert list(rule(broken))
    assert not list(rule(chapter()))


def test_every_rule_is_seen_to_fail():
    assert {rule for rule, _ in BROKEN} == set(rules.RULES)


def test_links(tmp_path):
    (tmp_path / "01 next.ipynb").touch()
    text = ("[a](01%20next.ipynb#top) [b](https://example.org/x) [c](#here) `[d](code)` [e](gone.ipynb) "
            "<a href='lost.md'>f</a>")
    assert list(broken_links(text, tmp_path)) == ["gone.ipynb", "lost.md"]
