"""The claims that a chapter states, and the values recorded for them."""

import ast

from IPython.core.inputtransformer2 import TransformerManager

LEAST_MARGIN = 2  # sample standard deviations between the mean and the threshold
GOOD_MARGIN = 5


def claimed(notebook):
    """[(text, threshold)] of every claim() call; None for what is not written out as a constant."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell.source))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "claim":
                    arguments = ({k.arg: k.value for k in node.keywords}
                                 | dict(zip(("text", "value", "over"), node.args)))
                    found.append(tuple(_constant(arguments.get(name)) for name in ("text", "over")))
    return found


def _constant(node):
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def margin_faults(claims, recorded):
    """What is wrong between the claims of a notebook and its results/claims file."""
    rows = {row["text"]: row for row in recorded["claims"]}
    for text, over in claims:
        if text is None or over is None:
            yield "a claim's text and threshold are written out as constants, so that they can be looked up"
        elif text not in rows:
            yield f"{text!r} is not recorded: run it again over the seeds"
        elif rows[text]["over"] != over:
            yield f"{text!r} needs more than {over}, but was recorded against {rows[text]['over']}"
        else:
            yield from _thin(rows[text])


def _thin(row):
    below = [value for value in row["values"] if not value > row["over"]]
    if below:
        yield f"{row['text']!r} did not hold at {len(below)} of {len(row['values'])} seeds: {below}"
    if margin(row) < LEAST_MARGIN:
        yield f"{row['text']!r} has a margin of {margin(row):.1f} standard deviations; at least {LEAST_MARGIN}"
    if len(row["values"]) < 10:
        yield f"{row['text']!r} was recorded over {len(row['values'])} seeds, not ten"


def margin(row):
    """Sample standard deviations between the mean of the recorded values and the threshold."""
    above = row["mean"] - row["over"]
    return above / row["std"] if row["std"] else float("inf") * above if above else 0.0
