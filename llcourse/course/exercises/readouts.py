"""Exercise 8.2: what heads of a language model cost, and against the block that they train."""

from itertools import combinations

from . import Wrong

CASES = [(64, 256, 128), (24, 100, 16), (40, 1000, 72), (128, 50257, 256)]  # width, vocabulary, context
KINDS = "projection", "tied", "readout", "block"


def _block(w, T):
    """(parameters, multiply-accumulates a byte) of a transformer block."""
    return 12 * w * w + 4 * w, 12 * w * w + 2 * T * w


def bill(kind, w, V, T):
    """What exercise 8.2 asks for."""
    parameters, macs = _block(w, T) if kind == "block" else (0, 0)
    parameters += {"tied": 2 * w, "readout": 0}.get(kind, 2 * w + w * V)
    return parameters, macs + w * V, (macs + w * V) / _block(w, T)[1]


PRIVATE, NORMED = ("projection", "block"), ("projection", "tied", "block")
NO_BIAS = "Linear layers here have no biases"
SCALE = "A LayerNorm has a scale and a shift, each of `width` numbers"
PARAMETERS = [  # (of which kinds, what was done, what it adds)
    (PRIVATE, f"{NO_BIAS}, and you count the projection's", lambda w, V, T: V),
    (NORMED, f"{SCALE}: in the head's one you count one of them", lambda w, V, T: -w),
    (("projection", "tied"), "The head's LayerNorm is not counted", lambda w, V, T: -2 * w),
    (PRIVATE, "The projection's own matrix is not counted", lambda w, V, T: -w * V),
    (PRIVATE, "The matrix of the projection is counted twice: the embedding is module 1's", lambda w, V, T: w * V),
    (("tied",), "The matrix of the tied head is read only: it is trained with module 1", lambda w, V, T: w * V),
    (("readout",), "The readout's matrix is a copy, read only: this head does not train it", lambda w, V, T: w * V),
    (("readout",), "The readout's LayerNorm is a copy too, read only", lambda w, V, T: 2 * w),
    (("readout",), "The readout's LayerNorm is a copy too, read only", lambda w, V, T: w),
    (("block",), f"{NO_BIAS}, and you count those of the block", lambda w, V, T: 9 * w),
    (("block",), f"{NO_BIAS}, and you count those of attention", lambda w, V, T: 4 * w),
    (("block",), f"{NO_BIAS}, and you count those of the perceptron", lambda w, V, T: 5 * w),
    (("block",), "The block's two LayerNorms are not counted", lambda w, V, T: -4 * w),
    (("block",), f"{SCALE}. There are three, two in the block and one before the projection; you count fewer",
     lambda w, V, T: -2 * w),
    (("block",), "The block that stands before the projection is not counted", lambda w, V, T: -12 * w * w - 4 * w),
    (("block",), "Attention has four matrices of width by width, to queries, keys, values and back; you count three",
     lambda w, V, T: -w * w),
    (("block",), "Attention has four matrices of width by width, to queries, keys, values and back; you count two",
     lambda w, V, T: -2 * w * w),
    (("block",), "4 width * width is missing: attention's four matrices, or one of the perceptron's two",
     lambda w, V, T: -4 * w * w),
    (("block",), "The perceptron is 4 width wide within; you count matrices of width by width",
     lambda w, V, T: -6 * w * w),
    (("block",), "The perceptron has two matrices, 4 width on one side alone; you take it on both",
     lambda w, V, T: 12 * w * w),
    (("block",), "The perceptron is not counted", lambda w, V, T: -8 * w * w),
    (("block",), "Positions are no weights of a block", lambda w, V, T: T * w),
    (("block",), "Attention's products have no weights", lambda w, V, T: 2 * T * w),
]
NO_WORK = "Read only is not free: the head {} multiplies by its matrix like any other"
MACS = [
    (KINDS, "The LayerNorm is no matrix product", lambda w, V, T: 2 * w),
    (KINDS, "The LayerNorm is no matrix product", lambda w, V, T: w),
    (KINDS, "Adding a bias is no matrix product, and there is none", lambda w, V, T: V),
    (PRIVATE, "The projection's product is not counted", lambda w, V, T: -w * V),
    (("tied",), NO_WORK.format("\"tied\""), lambda w, V, T: -w * V),
    (("readout",), NO_WORK.format("\"readout\""), lambda w, V, T: -w * V),
    (("tied", "readout"), "In this head stands no block", lambda w, V, T: 12 * w * w + 2 * T * w),
    (("block",), "The block that stands before the projection is not counted",
     lambda w, V, T: -12 * w * w - 2 * T * w),
    (("block",), "Attention's two products, queries with keys and shares with values, have no weights and cost all "
                 "the same", lambda w, V, T: -2 * T * w),
    (("block",), "Attention has two products, queries with keys and shares with values: `width` for each of `context` "
                 "positions, each; you count half", lambda w, V, T: -T * w),
    (("block",), "The card counts `context` positions for every byte; you count those before it alone",
     lambda w, V, T: (1 - T) * w),
    (("block",), "You count attention's products of all bytes of a context; one byte is asked for",
     lambda w, V, T: 2 * T * T * w - 2 * T * w),
    (("block",), "You count a product of attention twice", lambda w, V, T: 2 * T * w),
    (("block",), "Heads of attention share the width: their number changes nothing, and no T * T is left for a byte",
     lambda w, V, T: 2 * T * T - 2 * T * w),
    *[(kinds, cause, delta) for kinds, cause, delta in PARAMETERS
      if kinds == ("block",) and "width" in cause or "perceptron" in cause],
    (("block",), "The linear layers of the block are not counted", lambda w, V, T: -12 * w * w),
    (("block",), "The block's LayerNorms are no matrix products", lambda w, V, T: 4 * w),
    (("block",), "LayerNorms are no matrix products", lambda w, V, T: 6 * w),
]
TIMES = [
    ("A multiply-accumulate is one operation here; you count two", lambda w, V, T: 2),
    ("A forward pass is asked for, not training's three", lambda w, V, T: 3),
    ("One byte is asked for; you count a whole context", lambda w, V, T: T),
]
RATIOS = [
    ("You divide the block by the head; turn it round", lambda m, p, w, T: _block(w, T)[1] / m),
    ("You divide parameters; MACs are asked for, attention's too", lambda m, p, w, T: p / _block(w, T)[0]),
    ("You divide MACs by parameters", lambda m, p, w, T: m / _block(w, T)[0]),
    ("You divide by the block without attention's products", lambda m, p, w, T: m / (12 * w * w)),
    ("You divide by the block with one of attention's products alone", lambda m, p, w, T: m / (12 * w * w + T * w)),
    ("You divide by head and block together", lambda m, p, w, T: m / (m + _block(w, T)[1])),
    ("You add the block to the head", lambda m, p, w, T: m / _block(w, T)[1] + 1),
    ("You take the block that stands in the head away", lambda m, p, w, T: m / _block(w, T)[1] - 1),
    ("It is a share in percent; a plain quotient is asked for", lambda m, p, w, T: 100 * m / _block(w, T)[1]),
    ("It is rounded: return the quotient itself, of `/`", lambda m, p, w, T: m // _block(w, T)[1]),
    *[("It is rounded: return the quotient itself", lambda m, p, w, T, n=n: round(m / _block(w, T)[1], n))
      for n in range(5)],
]


def bill_right(answer):
    """Wrong unless answer(kind, width, vocabulary, context) is the head's (trained parameters, MACs a byte, those over
    a block's)."""
    given = {(kind, *case): _three(answer(kind, *case), kind, case) for kind in KINDS for case in CASES}
    for n, (called, faults) in enumerate([("trained parameters", PARAMETERS), ("multiply-accumulates a byte", MACS),
                                          ("quotient", None)]):
        for kind in KINDS:
            said, right = [given[kind, *case][n] for case in CASES], [bill(kind, *case)[n] for case in CASES]
            for case, a, b in zip(CASES, said, right):
                if abs(a - b) > 1e-6 * b:
                    cause = _ratio(kind, said) if faults is None else _count(kind, faults, said, right)
                    raise Wrong(f"{_named(kind, case)}: {called}: {_shown(b)}, yours {_shown(a)}. {cause}".strip())
    small, large = (bill("projection", 64, V, 128)[2] for V in (256, 50257))
    return f"and at width 64, a projection to 256 bytes costs {small:.2f} blocks, to 50,257 tokens {large:.0f}"


def _named(kind, case):
    return f"head {kind!r}, width {case[0]}, vocabulary {case[1]:,}, context {case[2]}"


def _shown(x):
    return f"{x:,.4g}" if x != x // 1 or abs(x) > 1e15 else f"{x:,.0f}"


def _three(given, kind, case):
    if not isinstance(given, list) or len(given) != 3 or not all(
            isinstance(x, (int, float)) and not isinstance(x, bool) and abs(x) < float("inf") for x in given):
        raise Wrong(f"{_named(kind, case)}: return three numbers, (parameters, multiply-accumulates, quotient); got "
                    f"{str(given)[:50]}")
    return given


def _count(kind, faults, said, right):
    """What was counted wrongly, at every size: one thing, or two."""
    off = [a - b for a, b in zip(said, right)]
    for cause, factor in TIMES:
        if faults is MACS and all(a == b * factor(*case) for case, a, b in zip(CASES, said, right)):
            return cause
    own = [(cause, [delta(*case) for case in CASES]) for kinds, cause, delta in faults if kind in kinds]
    for many in (1, 2):
        for some in combinations(own, many):
            if [sum(column) for column in zip(*(deltas for _, deltas in some))] == off:
                return ". ".join(dict.fromkeys(cause for cause, _ in some))
    if faults is PARAMETERS and all(a == bill(kind, *case)[1] for case, a in zip(CASES, said)):
        return "These are the multiply-accumulates"
    return f"You are {_shown(abs(off[0]))} {'above' if off[0] > 0 else 'below'} at width 64: which matrix, or vector?"


def _ratio(kind, said):
    for cause, of in RATIOS:
        if all(abs(a - of(*reversed(bill(kind, *case)[:2]), case[0], case[2])) < 1e-9 * max(1, abs(a))
               for case, a in zip(CASES, said)):
            return cause
    return "It is the head's multiply-accumulates over those of one block"
