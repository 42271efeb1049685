"""Exercise 11.2: what a step of N-wise interlocking sends over each border between two workers."""

from functools import cache
from math import prod

from ... import reach, wiring
from ...routes import Pull, plan
from . import Wrong

LABEL = 8  # bytes: int64
FOUR = ((16, 8, 8), (32, 4, 4), (64, 2, 2))
CASES = [(FOUR, 32, 1, 4), (FOUR, 32, 2, 4), (FOUR, 32, 4, 4), (FOUR, 32, 3, 4), (FOUR, 5, 3, 2),
         (((7, 3, 5),), 6, 1, 4), (((7, 3, 5),), 6, 2, 2), (((48,), (24,)), 10, 2, 8), (((8, 4, 4),) * 7, 3, 4, 4),
         (((8, 4, 4),) * 7, 3, 6, 2), (((8, 4, 4),) * 7, 3, 5, 4), ((), 4, 1, 4)]


@cache
def crossings(K, N):
    """How many gradients cross each border of a batch, from the steps that the network carries out."""
    R = reach.interlocking(K, N)
    down = [0] * K
    for step in plan(R, wiring.chain(K), [i for i in range(K) if R[i].any()]):
        for s in step.sources if isinstance(step, Pull) else ():
            down[s] += 1
    return tuple(down[:-1])


def _bytes(shapes, batch, N, width, labels=LABEL, counts=crossings, size=prod, per=lambda batch: batch, with_labels=0):
    """[[up, down], ...] of every border; the rest is what a slip does otherwise."""
    down = counts(len(shapes) + 1, N)
    rows = [[per(batch) * size(shape) * width, d] for shape, d in zip(shapes, down)]
    return [[features + labels * batch, d * (features + with_labels * batch)] for features, d in rows]


SLIPS = [  # (what it is called, what it does otherwise)
    ("Labels go up too: every worker above has a loss that needs them, 8 bytes an image", {"labels": 0}),
    ("A label is an int64: 8 bytes", {"labels": 4}), ("A label is an int64: 8 bytes", {"labels": 1}),
    ("A label is an int64: 8 bytes", {"labels": 2}), ("Labels are counted in bytes, not in bits", {"labels": 64}),
    ("No labels come down with a gradient: below, they are known", {"with_labels": LABEL}),
    ("Losses 1 to N - 1 are not computed: no gradient of theirs crosses a border",
     {"counts": lambda K, N: [min(N - 1, K - k) for k in range(1, K)]}),
    ("Near the top, loss K is the last: there are no losses above K whose gradients cross",
     {"counts": lambda K, N: [min(N - 1, k) for k in range(1, K)]}),
    ("At both ends fewer gradients cross: losses 1 to N - 1 are not computed, and there are none above K",
     {"counts": lambda K, N: [N - 1] * (K - 1)}),
    ("Loss i trains module i - N + 1, and its gradient crosses every border between: N - 1 of them, not N",
     {"counts": lambda K, N: [max(0, min(k + N, K) - max(k + 1, N) + 1) for k in range(1, K)]}),
    ("Loss i trains module i - N + 1, and its gradient crosses every border between: N - 1 of them, not N",
     {"counts": lambda K, N: [N] * (K - 1)}),
    ("Gradients of several losses cross one by one: they train different modules, and cannot be added up before",
     {"counts": lambda K, N: [int(N > 1)] * (K - 1)}),
    ("Gradients cross borders wherever N is above 1", {"counts": lambda K, N: [0] * (K - 1)}),
    ("With N = 1 every gradient stays in its module", {"counts": lambda K, N: [max(1, c) for c in crossings(K, N)]}),
    ("A gradient comes down at every border, whatever N: look at N = 1 and at N = 3", {"counts": lambda K, N: [1] * (
        K - 1)}),
    ("The loss of the module itself crosses no border: count the losses above border k alone",
     {"counts": lambda K, N: [max(0, min(k + N - 1, K) - max(k, N) + 1) for k in range(1, K)]}),
    ("An image has C * H * W values: they are multiplied", {"size": sum}),
    ("An image has C * H * W values; you leave some of the dimensions out", {"size": lambda shape: shape[0]}),
    ("An image has C * H * W values; you leave some of the dimensions out", {"size": lambda shape: prod(shape[1:])}),
    ("An image has C * H * W values; you leave some of the dimensions out", {"size": lambda shape: prod(shape[:2])}),
    ("Features of all images of the batch travel, not of one", {"per": lambda batch: 1}),
    ("That counts bits: `width` is in bytes", {"size": lambda shape: 8 * prod(shape)}),
]


def _otherwise(shapes, batch, N, width):
    """Further answers that are no variant of one of these numbers: (what it is called, the rows)."""
    right = _bytes(shapes, batch, N, width)
    yield "These are (down, up): a pair is (up, down)", [row[::-1] for row in right]
    yield "The order is reversed: border 1 is the lowest", right[::-1]
    yield "Up and down are one sum; a pair is asked for", [sum(row) for row in right]
    yield "These are the bytes up alone; a pair (up, down) is asked for", [row[0] for row in right]
    yield "A border's bytes are asked for, for each border; this is the sum of all", [sum(map(sum, right))]
    yield "`width` is the bytes of one value: you take 4", _bytes(shapes, batch, N, 4)
    yield "`width` is the bytes of one value: you count values", [
        [batch * prod(s) + LABEL * batch, row[1] // width] for s, row in zip(shapes, right)]
    yield "A label is an int64 whatever `width` is: 8 bytes", _bytes(shapes, batch, N, width, labels=width)
    yield "A batch has one label an image, not one in all", [[up - LABEL * (batch - 1), down] for up, down in right]
    yield "A label an image, not one a value", [[batch * prod(s) * (width + LABEL), row[1]] for s, row in zip(
        shapes, right)]
    yield ("A gradient has the shape of what it is the gradient of: at border k, the features of border k",
           [[row[0], c * batch * prod(s) * width] for row, s, c in zip(right, [*shapes[1:], *shapes[-1:]],
                                                                        crossings(len(shapes) + 1, N))])
    yield "Bytes are asked for, not KiB or MiB", [[up / 1024, down / 1024] for up, down in right]
    yield "Bytes are asked for, not KiB or MiB", [[up / 2**20, down / 2**20] for up, down in right]
    yield "Bytes are asked for, not kB or MB", [[up / 1000, down / 1000] for up, down in right]
    yield "Bytes are asked for, not kB or MB", [[up / 1e6, down / 1e6] for up, down in right]


def wire_right(answer):
    """Wrong unless answer(shapes, batch, N, width) is the list of pairs (up, down) of all borders, in every case."""
    given = [answer([tuple(shape) for shape in shapes], *rest) for shapes, *rest in CASES]
    for case, said in zip(CASES, given):
        if not _same(said, _bytes(*case)):
            raise Wrong(_told(case, said, given))


def _told(case, said, given):
    (shapes, batch, N, width), right = case, _bytes(*case)
    where = (f"features {', '.join('x'.join(map(str, shape)) for shape in shapes) or 'of no border'}, {batch} images, "
             f"N = {N}, width {width}: ")
    if cause := _cause(given):
        return f"{where}it is {_shown(right)}, yours is {_shown(said)}. {cause}"
    if not isinstance(said, list):
        return f"{where}return a list of pairs (up, down), one for each border; this is {said!r:.40}"
    if not shapes:
        return f"{where}one worker has no border: the list is empty, yours is {_shown(said)}"
    if len(said) != len(shapes):
        return f"{where}there are {len(shapes)} borders and a pair (up, down) for each; you return {len(said)} entries"
    for k, (pair, (up, down), shape) in enumerate(zip(said, right, shapes), 1):
        if not isinstance(pair, list) or len(pair) != 2:
            return f"{where}border {k} has a pair, (bytes up, bytes down); yours is {_shown(pair)}"
        if not _same(pair[0], up):
            return (f"{where}over border {k} go {up:,} bytes up, {batch} x {'x'.join(map(str, shape))} values of "
                    f"{width} and {batch} labels of 8; you say {_shown(pair[0])}")
        if not _same(pair[1], down):
            c = crossings(len(shapes) + 1, N)[k - 1]
            return (f"{where}over border {k} come {down:,} bytes down, you say {_shown(pair[1])}. Of {len(shapes) + 1} "
                    f"losses, {c} lie{'s' * (c == 1)} above the border and train{'s' * (c == 1)} below it")


def slips():
    """[(what was done, what comes out in each case)]."""
    rows = zip(*(list(_otherwise(*case)) for case in CASES))
    return [*((cause, [_bytes(*case, **other) for case in CASES]) for cause, other in SLIPS),
            *((each[0][0], [wrong for _, wrong in each]) for each in rows)]


def _cause(given):
    return next((cause for cause, wrong in slips() if all(map(_same, given, wrong))), None)


def _same(a, b):
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, (int, float)) and not isinstance(a, bool) and abs(a - b) <= 1e-9 * max(1, abs(b))


def _shown(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value[:8]))}{', ...' * (len(value) > 8)}]"
    return f"{value:,.6g}" if isinstance(value, float) and value % 1 else f"{value:,}"
