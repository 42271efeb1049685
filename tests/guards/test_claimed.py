"""The guard on recorded claims notices each way in which a chapter can promise too much."""

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.guards.claimed import claimed, margin_faults


def row(values, over=5, text="A beats B"):
    return {"text": text, "over": over, "values": values, "min": min(values), "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1))}


GOOD = row([8.0, 9.0] * 5)


def test_reads_claims_from_code_cells():
    notebook = new_notebook(cells=[new_code_cell('%time\nclaim("A beats B", a - b, over=5)'),
                                   new_code_cell('claim(f"{name} beats B", a - b, 5)')])
    assert claimed(notebook) == [("A beats B", 5), (None, 5)]


def test_a_good_record_passes():
    assert not list(margin_faults([("A beats B", 5)], {"claims": [GOOD]}))


@pytest.mark.parametrize("claims, record, words", [
    ([(None, 5)], GOOD, "constants"),
    ([("A beats C", 5)], GOOD, "not recorded"),
    ([("A beats B", 4)], GOOD, "recorded against 5"),
    ([("A beats B", 5)], row([8.0] * 9 + [4.0]), "did not hold at 1 of 10"),
    ([("A beats B", 5)], row([8.0] * 9 + [float("nan")]), "did not hold at 1 of 10"),
    ([("A beats B", 5)], row([5.1, 7.0] * 5), "margin of 1.0"),
    ([("A beats B", 5)], row([8.0, 9.0]), "2 seeds"),
])
def test_a_poor_record_is_named(claims, record, words):
    assert words in " ".join(margin_faults(claims, {"claims": [record]}))
