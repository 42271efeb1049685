"""Exercise 9.2: loss weights on a line from the first border to the last."""

from ...objectives import PRESETS
from . import Wrong

CASES = [(*PRESETS["ResNet-32, K = 4"], 4), (*PRESETS["ResNet-32, K = 16"], 16), (*PRESETS["ResNet-32, K = 8"], 8),
         ((1.5, 0.25), (4.0, 1.0), 5), ((2.0, 0.5), (0.25, 3.0), 3), (*PRESETS["ResNet-32, K = 2"], 2),
         ((3.0, 0.5), (1.0, 2.0), 2)]


def _line(first, last, shares):
    return [[a + share * (b - a) for a, b in zip(first, last)] for share in shares]


def _right(first, last, K):
    return _line(first, last, [k / (K - 2) if K > 2 else 0 for k in range(K - 1)])


def weights_right(answer):
    """Wrong unless answer(first, last, K) is the list of K - 1 pairs on the line."""
    for first, last, K in CASES:
        where, right = f"K = {K}, from {first} to {last}: ", _right(first, last, K)
        try:
            given = answer(first, last, K)
        except ZeroDivisionError:
            raise Wrong(where + ("there is one border, no step from it to another, and you divide by zero: return its "
                                 "weights, [first]" if K == 2 else "you divide by zero")) from None
        if not isinstance(given, list):
            raise Wrong(where + f"return a list of K - 1 pairs; this is a {type(given).__name__}")
        if not _same(given, right):
            raise Wrong(where + _fault(given, right, first, last, K))


def _same(given, right):
    """Rows of numbers, in a list, equal to these."""
    return (len(given) == len(right) and all(isinstance(pair, list) and len(pair) == len(row) for pair, row in
                                             zip(given, right)) and all(_near(a, b) for pair, row in zip(given, right)
                                                                        for a, b in zip(pair, row)))


def _near(a, b):
    return isinstance(a, (int, float)) and abs(a - b) <= 1e-6


def _fault(given, right, first, last, K):
    for cause, wrong in _slips(right, first, last, K):
        if _same(given, wrong):
            return cause
    columns = [list(column) for column in zip(*right)]
    for name, column in zip(("l1", "l2"), columns):
        if len(given) == K - 1 and all(_near(a, b) for a, b in zip(given, column)):
            return f"these are {name} alone; a border has a pair, (l1, l2)"
    if _same(given, columns):
        return "a list of all l1 and one of all l2; a pair for each border is asked for: zip(l1, l2)"
    if K == 2 and not any(isinstance(pair, list) for pair in given):
        return "a list of one pair, [first], is asked for: one border has one pair"
    if len(given) != K - 1:
        return (f"{K} modules have K - 1 = {K - 1} border{'s' * (K > 2)}, and each a pair; you return {len(given)}" + (
            ". The last module's loss is the true one, without a reconstruction" if len(given) == K else ""))
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in given):
        return "each border has a pair, (l1, l2)"
    if any(a != a for pair in given for a in pair):
        return "there is a NaN in it" + (": with one border K - 2 is 0. Return its weights, [first]" if K == 2 else "")
    for k in range(K - 1):
        if not _same(given[k:k + 1], right[k:k + 1]):
            return f"border {k + 1} has {_shown(right[k])}, and you give {_shown(given[k])}"


def _slips(right, first, last, K):
    """(what was done, what comes out)."""
    steps = range(K - 1)
    if K == 2:
        yield "with one border, the first is the last: take the weights `first`", [list(last)]
        yield "with one border, there is nothing between: take the weights `first`", [[(a + b) / 2 for a, b in zip(
            first, last)]]
        yield "with one border, it is one pair: [first]", [list(first), list(last)]
        return
    off = (f"from the first border to the last are K - 2 = {K - 2} steps, between {K - 1} borders; you make {{}} of "
           "them, and the last border does not get `last`")
    yield off.format(f"K - 1 = {K - 1}"), _line(first, last, [k / (K - 1) for k in steps])
    yield off.format(f"K = {K}"), _line(first, last, [k / K for k in steps])
    for n in (K - 2, K - 1, K):
        yield ("the first border has `first`: count the steps from it, from 0 on",
               _line(first, last, [(k + 1) / n for k in steps]))
        if n != K - 1:
            yield (f"these are K = {K} pairs, one a module; they stand at the K - 1 = {K - 1} borders",
                   _line(first, last, [k / n for k in range(K)]))
    yield (f"these are K = {K} pairs, one a module; they stand at the K - 1 = {K - 1} borders, and above the last "
           "module is none", _line(first, last, [k / (K - 1) for k in range(K)]))
    yield "the order is reversed: the first border comes first", right[::-1]
    yield "l1 is right; l2 lies on a line too", [[a, first[1]] for a, _ in right]
    yield "l1 is right; l2 lies on a line too", [[a, last[1]] for a, _ in right]
    yield "l2 is right; l1 lies on a line too", [[first[0], b] for _, b in right]
    yield "l2 is right; l1 lies on a line too", [[last[0], b] for _, b in right]
    yield "l2 takes the line of l1: each has a line of its own", [[a, a] for a, _ in right]
    yield "the pairs are (l1, l2); these are (l2, l1)", [[b, a] for a, b in right]
    for cut in (int, round):
        yield "weights are no whole numbers: leave out int, round and //", [[cut(a), cut(b)] for a, b in right]
        yield "a border's place is rounded: / and not //", _line(first, last, [cut(k / (K - 2)) for k in steps])
    yield "only the ends are right: between them lies a line", [list(first)] * (K - 2) + [list(last)]
    yield "that is `first` at every border: the weights shift from it to `last`", [list(first)] * (K - 1)


def _shown(pair):
    return f"({', '.join(f'{x:g}' if isinstance(x, (int, float)) else repr(x)[:20] for x in pair)})"
