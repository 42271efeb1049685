"""Chapter 00: reading, writing and mending a reach."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ... import measure, reach
from . import Wrong, exercise


@exercise("0.1", title="Read a matrix", dots=1, minutes=2,
          why="Every later chapter draws such a matrix.",
          hints=["Draw the matrix with ll.reach.interlocking(4, 2). Which row belongs to loss 3?",
                 "Row 3 holds a single 1. Its column, counted from 1, is the module."])
def read_a_matrix(answer):
    if not isinstance(answer, (set, frozenset, list, tuple)):
        raise Wrong(f"give a set of module numbers, such as {{1, 4}}; this is a {type(answer).__name__}")
    given = set(answer)
    if given == {2}:
        return
    if given == {1}:
        raise Wrong("the text counts modules from 1; column 1 of the array is another module's number here")
    if given == {2, 3}:
        raise Wrong("that is the overlapping row 3. Interlocking gives each module one loss, and module 3 has loss 4")
    if given == {3}:
        raise Wrong("that is the local row 3. A 2-wise window sends loss 3 back past its own module")
    raise Wrong("read along row 3 of ll.reach.interlocking(4, 2): a 1 in column j says that module j is trained")


@exercise("0.2", title="Write a matrix", dots=1, minutes=5,
          why="To declare a method is to write its matrix.",
          hints=["Two chunks: modules 1 to 3 and modules 4 to 6. Where does each chunk's loss sit?",
                 "Only rows 3 and 6 hold ones, three each, and no column holds two."])
def write_a_matrix(answer):
    try:
        R = reach.check(answer)
    except reach.ReachError as error:
        raise Wrong(str(error)) from None
    if R.shape != (6, 6):
        raise Wrong(f"K = 6 needs 6 rows and 6 columns; this is {R.shape[0]} x {R.shape[1]}")
    busy = np.flatnonzero(R.any(axis=1)) + 1
    if busy.tolist() != [3, 6]:
        raise Wrong(f"losses are computed at modules {', '.join(map(str, busy))}; "
                    "chunks of three end at modules 3 and 6, and only there")
    for j in np.flatnonzero(R.sum(axis=0) > 1) + 1:
        raise Wrong(f"module {j} is trained by two losses; chunks are disjoint, "
                    "so a module has the loss of its own chunk")
    for i in (3, 6):
        if not np.array_equal(R[i - 1], reach.chunked(6, 3)[i - 1]):
            modules = ", ".join(map(str, np.flatnonzero(R[i - 1]) + 1))
            raise Wrong(f"loss {i} trains modules {modules}; its chunk holds the three modules that end at module {i}")


@exercise("0.3", title="Mend a leak", dots=2, minutes=8,
          why="A forgotten detach raises no error; only the reach shows it.",
          hints=["Two paths lead from h into loss 2, and one of them has no detach.",
                 "Make `cut = h.detach()` once and use it wherever loss 2 needs h; loss 1 keeps h."])
def mend_a_leak(answer):
    model, x, y = nn.Module(), torch.randn(8, 4), torch.arange(8) % 3
    model.stem, model.top = nn.Linear(4, 6), nn.Linear(6, 6)
    model.head_1, model.head_2 = nn.Linear(6, 3), nn.Linear(6, 3)
    losses = answer(model, x, y)
    if not isinstance(losses, dict) or list(losses) != ["loss 1", "loss 2"]:
        raise Wrong('return a dict with the keys "loss 1" and "loss 2", in this order')
    h = F.relu(model.stem(x))
    expected = F.cross_entropy(model.head_1(h), y), F.cross_entropy(model.head_2(model.top(h) + h), y)
    for (name, loss), value in zip(losses.items(), expected):
        if not torch.allclose(loss, value):
            raise Wrong(f"the value of {name} changed; a detach changes gradients, never values, so keep both paths")
        if not loss.requires_grad:
            raise Wrong(f"{name} has no graph at all and trains nothing; detach h, not the loss")
    # columns: stem, top, head_1, head_2
    differences = measure.reach(model, (x, y), losses=answer).differences([[1, 0, 1, 0], [0, 1, 0, 1]])
    if differences:
        raise Wrong(f"measured: {'; '.join(differences)}")
