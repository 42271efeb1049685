"""Exercise 10.4: how many modules and groups, for workers that are given in number and size."""

from ... import networks
from . import Wrong

NUMBERS = 1, 2, 4, 8  # of modules, and of groups
PAIRS = [(K, G) for G in NUMBERS for K in NUMBERS]
HEAD = "1c2f"


def costs(K, G, share=1.0):
    """[(MACs of module j, MACs of its head), ...] of ResNet-20, all groups together; in groups (0, final head) last."""
    return networks.grid(K, G, HEAD, share)


def _sizes(rows, G, cell=lambda m, h, G: (m + h) / G, final=lambda h, G: [h]):
    """MACs of a worker at each depth, and of the one with the final head."""
    cells = rows if G == 1 else rows[:-1]
    return [cell(m, h, G) for m, h in cells] + [size for _, h in rows[len(cells):] for size in final(h, G)]


def _needed(K, G):
    return K * G + (G > 1)


def _by_groups(K, G):
    return G, K


def _choice(budget, workers, costs, over=max, needed=_needed, first=_by_groups, spare=0, **parts):
    """The pair that exercise 10.4 asks for; the rest is what a slip does otherwise."""
    fits = [(K, G) for K, G in PAIRS if needed(K, G) <= workers - spare
            and over(_sizes(costs(K, G), G, **parts)) <= budget - spare]
    return min(fits, key=lambda pair: first(*pair), default=None)


def _alone(K, G):
    return costs(K, G, share=0.0)


def _cases():
    """(budget, workers, costs): some at the very size of a worker, some without an answer."""
    of_4_2, of_8_8 = (int(max(_sizes(costs(*pair), pair[1]))) for pair in ((4, 2), (8, 8)))
    return [(10_000_000, 8, costs), (10_000_000, 7, costs), (6_000_000, 9, costs), (6_000_000, 8, costs),
            (13_000_000, 100, costs), (13_000_000, 3, costs), (14_000_000, 7, costs),
            (of_4_2, 9, costs), (of_4_2 - 1, 9, costs), (4_200_000, 17, costs), (4_200_000, 16, costs),
            (3_200_000, 64, costs), (of_8_8, 65, costs), (of_8_8, 64, costs), (50_000_000, 1, costs),
            (40_000_000, 1, costs), (2_500_000, 100, _alone), (2_300_000, 100, _alone), (7_000_000, 20, _alone)]


def _mean(sizes):
    return sum(sizes) / len(sizes)


def _all_in_one(h, G):
    return [h / G]


def _no_final(h, G):
    return []


OF_ALL = "You add up all workers, or all modules; each is another worker's, and the largest has to fit"
OF_MEAN = "You take a mean; the largest worker has to fit too"
OF_FINAL = "The final head is one worker's whole task: it is not divided by G, and may be the largest"
SLIPS = [  # (what it is called, what it does otherwise)
    ("A worker computes its head too, not the module alone", {"cell": lambda m, h, G: m / G}),
    ("A worker computes its module too, not the head alone", {"cell": lambda m, h, G: h / G}),
    ("`costs` counts a depth's groups together: each worker has one G-th of it", {"cell": lambda m, h, G: m + h}),
    ("You divide by G twice. In what `costs` counts, that convolutions are in groups is done: one G is left",
     {"cell": lambda m, h, G: (m + h) / G**2}),
    ("You divide the module by G and not its heads, of which there are G as well",
     {"cell": lambda m, h, G: m / G + h}),
    ("You divide the heads by G and not the module, of which each worker has a group",
     {"cell": lambda m, h, G: m + h / G}),
    (OF_ALL, {"over": sum}), (OF_ALL, {"over": sum, "final": _all_in_one}), (OF_ALL, {"over": sum, "final": _no_final}),
    (OF_MEAN, {"over": _mean}), (OF_MEAN, {"over": _mean, "final": _all_in_one}),
    (OF_MEAN, {"over": _mean, "final": _no_final}),
    (OF_FINAL, {"final": _no_final}), (OF_FINAL, {"final": _all_in_one}),
    ("The final head of a grouped network needs a worker besides the K * G", {"needed": lambda K, G: K * G}),
    ("Without groups there is no final head: K workers are enough", {"needed": lambda K, G: K * G + 1}),
    ("What fits exactly, fits", {"spare": 1}),
    ("You take the fewest workers; first comes the smallest G", {"first": lambda K, G: (K * G, G)}),
    ("You take the smallest K first; first comes the smallest G", {"first": lambda K, G: (K, G)}),
    ("You take the most workers; first comes the smallest G", {"first": lambda K, G: (-K * G, G)}),
    ("You take the largest G; the smallest is asked for", {"first": lambda K, G: (-G, K)}),
    ("Of equal G you take the largest K; the smallest is asked for", {"first": lambda K, G: (G, -K)}),
]


def cells_right(answer):
    """Wrong unless answer(budget, workers, costs) is the pair with the smallest G, then the smallest K, that fits."""
    cases = _cases()
    given, right = [_pair(answer(*case), case) for case in cases], [_choice(*case) for case in cases]
    if not any(given):
        raise Wrong(f"{_named(cases[0])}: {right[0]} fits, and you return None: does your last line begin with "
                    "`return`?")
    for case, said, expected in zip(cases, given, right):
        if said != expected:
            cause = next((f". {cause}" for cause, otherwise in SLIPS
                          if given == [_choice(*each, **otherwise) for each in cases]), "")
            raise Wrong(f"{_named(case)}: you say {said}. {_fault(case, said, expected)}{cause}")
    return "and 8 x 8, with the smallest cells of all, takes 65 workers: one has the final head"


def _named(case):
    budget, workers, _ = case
    return f"{workers} worker{'s' if workers > 1 else ''} of {budget:,} MACs"


def _pair(given, case):
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2 or not all(number in NUMBERS for number in given):
        raise Wrong(f"{_named(case)}: return (K, G), both of {', '.join(map(str, NUMBERS))}, or None; got {given}")
    return tuple(map(int, given))


def _fault(case, said, expected):
    budget, workers, costs = case
    if said is None:
        return f"{expected} fits: {_takes(case, *expected)}"
    if _needed(*said) > workers or max(_sizes(costs(*said), said[1])) > budget:
        return f"It does not fit: {_takes(case, *said)}" + (". Nothing fits: return None" if expected is None else "")
    fewer = "fewer groups" if expected[1] < said[1] else f"K = {expected[0]}"
    return f"It fits, and so does {expected}, with {fewer}"


def _takes(case, K, G):
    sizes = _sizes(case[2](K, G), G)
    at = sizes.index(max(sizes))
    largest = f"a cell of module {at + 1}" if at < K else "the one with the final head"
    return f"it takes {_needed(K, G)} worker{'s' if K * G > 1 else ''}, the largest, {largest}, {max(sizes):,.0f} MACs"
