"""Exercise 6.3: what N-wise interlocking costs in passes through modules."""

from ... import reach, wiring
from ...routes import Forward, Pull, plan
from . import Wrong

PAIRS = [(4, 1), (4, 2), (4, 4), (4, 3), *((K, N) for K in (1, 2, 7, 10, 12) for N in range(1, K + 1))]


def ratio(K, N):
    """Passes of a step over backprop's 3 K, in units of a module's forward: 1 forward, 2 to train, 1 to hand on."""
    R = reach.interlocking(K, N)
    steps = plan(R, wiring.chain(K), [i for i in range(K) if R[i].any()])
    return sum(2 if isinstance(step, Pull) and step.trains else 1 for step in steps
               if isinstance(step, (Forward, Pull))) / (3 * K)


def bill_right(answer):
    """Wrong unless answer(K, N) is `ratio` for every pair."""
    given = {}
    for K, N in PAIRS:
        given[K, N] = answer(K, N)
        if not isinstance(given[K, N], (int, float)):
            raise Wrong(f"return one number; got {given[K, N]}")
    for (K, N), value in given.items():
        if not abs(value - ratio(K, N)) <= 1e-6:
            raise Wrong(f"K = {K}, N = {N}: a step costs {ratio(K, N):.4f} of backprop's, your formula says "
                        f"{value:.4f}. {_slip(given)}")


def _slip(given):
    """What went wrong, if one of these formulas gives all that the answer gives."""
    for formula, cause in (
            (lambda K, N: _count(K, N, first=lambda j: j), "Losses 1 to N - 1 train no module and are not computed: "
                                                           "nothing of them is handed on"),
            (lambda K, N: _count(K, N, trains=None), "A pass that trains a module sends its message down as well, at "
                                                     "no further cost: near the top loss K does both"),
            (lambda K, N: _count(K, N, first=lambda j: j, lowest=1),
             "Losses 1 to N - 1 are not computed. And either module 1 hands nothing on, for below it lies the image, "
             "or a pass that trains sends its message down at no further cost"),
            (lambda K, N: _count(K, N, last=1, trains=None), "The farthest loss of a window ends there: it trains the "
                                                             "module and is not handed on"),
            (lambda K, N: 3 * K + (N - 1) * K, "Not every module hands N - 1 messages on: windows are cut off at loss "
                                               "K, and losses 1 to N - 1 are not computed"),
            (lambda K, N: 3 * K * _count(K, N), "Divide by backprop's step, 3 K units")):
        if all(abs(value - formula(K, N) / (3 * K)) <= 1e-6 for (K, N), value in given.items()):
            return cause
    return ("Module j hands on the losses from j, or from N if that is more, up to j + N - 2, without loss K where "
            "that trains it: list them for K = 4")


def _count(K, N, first=None, last=0, lowest=2, trains=True):
    """Units of a step, 3 K and one for each message that is handed on without training; with slips.

    first: of a module's losses, as a function of j (default: max(j, N)).   last: how far past j + N - 2 they go.
    lowest: the first module that hands on.   trains: None counts a message again where its pass trains.
    """
    handed = 0
    for j in range(lowest, K + 1):
        for i in range(first(j) if first else max(j, N), min(j + N - 2 + last, K) + 1):
            handed += trains is None or i != min(j + N - 1, K)
    return 3 * K + handed
