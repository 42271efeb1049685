"""Chapter 00: reading, writing and measuring a reach, and sealing a model."""

import numpy as np

from ... import reach
from . import Wrong, exercise
from .matrices import legal
from .measuring import measured_right
from .sealing import cuts_of


@exercise("0.1", title="Read a matrix", dots=1, minutes=2, numbers=True,
          why="Every later chapter draws such a matrix.",
          hints=["Draw the matrix with ll.reach.interlocking(4, 2). Which row belongs to loss 3?",
                 "Row 3 holds a single 1. Its column, counted from 1, is the module."])
def read_a_matrix(answer):
    try:
        given = set(np.ravel(list(answer) if isinstance(answer, set) else answer).tolist())
    except ValueError:
        raise Wrong("give a set of module numbers, such as {1, 4}") from None
    if given == {2}:
        return
    if given == {0, 1}:
        raise Wrong("that is the row itself, or its numbers; name the modules at which it holds a 1, such as {1, 4}")
    if given == {1}:
        raise Wrong("if you counted modules from 0, count from 1; if you read row 3 of the 3-wise matrix, "
                    "read that of the 2-wise one, ll.reach.interlocking(4, 2)")
    if given == {2, 3}:
        raise Wrong("that is the overlapping row 3. Interlocking gives each module one loss, and module 3 has loss 4")
    if given == {3}:
        raise Wrong("that is the local row 3. A 2-wise window sends loss 3 back past its own module")
    raise Wrong("read along row 3 of ll.reach.interlocking(4, 2): a 1 in column j says that module j is trained")


@exercise("0.2", title="Write a matrix", dots=1, minutes=5, numbers=True,
          why="To declare a method is to write its matrix.",
          hints=["Two chunks: modules 1 to 3 and modules 4 to 6. Where does each chunk's loss sit?",
                 "Only rows 3 and 6 hold ones, three each, and no column holds two."])
def write_a_matrix(answer):
    R = legal(answer, 6)
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


@exercise("0.3", title="Measure a reach", dots=2, minutes=10, numbers=True,
          why="A matrix on paper proves nothing about code; autograd knows what is connected.",
          hints=["torch.autograd.grad(loss, parameters) returns gradients and leaves .grad alone. For a parameter that "
                 "the loss does not use it raises an error, unless you say allow_unused=True: then it returns None.",
                 "Losses may share a graph, and the first backward pass frees it: retain_graph=True. Some loss may "
                 "have no graph at all: look at loss.requires_grad first.",
                 "For each loss and module: int(any(g is not None for g in gradients)). A gradient of zeros is no "
                 "None: it is connected."])
def measure_a_reach(answer):
    measured_right(answer)


@exercise("0.4", title="Seal a dense model", dots=2, minutes=10,
          why="A forgotten path raises no error; only the reach shows it. Fewer cuts are fewer to forget.",
          hints=["Loss j keeps the graph of its own block. What do the blocks behind it read, and from where?",
                 "First make it right: block j reads torch.cat of every earlier output, each detached. How many of "
                 "these detaches repeat one that was done before?",
                 "What a block reads is what the block before it read, and one output more. Cut that once a border."])
def seal_a_dense_model(answer):
    cuts = cuts_of(answer)
    return f"your score: {cuts} cuts (fewer is better; the best known is 3, one a border)"
