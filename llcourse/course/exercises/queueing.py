"""Exercise 11.3: the shortest queue between two workers that costs no time."""

import random

from . import Wrong

NEAR = 1e-6  # seconds: runs that differ by no more take the same


def _cases():
    """(produce, consume): some by hand, then some drawn, with as many batches as are easily followed."""
    draw = random.Random(11)
    steps = [[draw.choice((0.1, 0.2, 0.3, 0.7)) for _ in range(n)] for n in (8, 8, 12, 12, 30, 30)]
    spiky = [[1.0] * 12, [0.5] * 4 + [4.5] + [0.5] * 7]
    bursts = [[0.25, 0.25, 0.25, 0.25, 4.0] * 5, [1.0] * 25]
    jitter = [[0.3, 0.1] * 10, [0.1, 0.3] * 10]
    more = [[[draw.choice((0.1, 0.4, 0.9)) for _ in range(n)] for _ in range(2)] for n in (9, 14, 20, 20, 40)]
    return [([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]), ([2.0, 1.0, 3.0], [1.0, 3.0, 1.0]), ([1.0, 1.0, 4.0], [3.0, 1.0, 1.0]),
            ([1.0, 1.0, 1.0, 1.0, 1.0, 9.0], [5.0, 1.0, 1.0, 1.0, 1.0, 1.0]), ([1.0] * 6, [3.0] * 6), (
                [3.0] * 6, [1.0] * 6), ([2.0], [5.0]), ([0.1] * 8, [0.3] + [0.1] * 7), tuple(spiky), tuple(bursts),
            tuple(jitter), *zip(steps[::2], steps[1::2]), *map(tuple, more)]


def seconds(produce, consume, M, held=1):
    """How long the run takes with a queue of M. A batch finds its place when the consumer has ended the batch that lies
    M + held before it: it holds one itself, or what a slip says."""
    put, ends = 0.0, []
    for n, (p, c) in enumerate(zip(produce, consume)):
        put += p
        if 0 <= n - M - held < len(ends):
            put = max(put, ends[n - M - held])
        ends.append(max(put, ends[-1] if ends else 0.0) + c)
    return ends[-1]


def shortest(produce, consume, held=1, near=NEAR, least=0, limit=None):
    """What exercise 11.3 asks for; the rest is what a slip does otherwise."""
    n = len(produce)
    endless = limit(produce, consume) if limit else seconds(produce, consume, n)
    return next((M for M in range(least, n) if seconds(produce, consume, M, held) <= endless + near), n)


def _fullest(produce, consume, taken_first=True):
    """The most batches that ever lie in an endless queue."""
    puts, takes, put, end = [], [], 0.0, 0.0
    for p, c in zip(produce, consume):
        put += p
        puts.append(put)
        takes.append(max(put, end))
        end = takes[-1] + c
    until = NEAR if taken_first else -2 * NEAR  # who comes first where one is put as another is taken
    return max(sum(a <= t and b > t + until for a, b in zip(puts, takes)) for t in puts)


WHOLE = ("A queue in which all batches find a place always suffices; the shortest one is asked for. What do you "
         "compare with: is it the run with an endless queue, and not a time that is never reached?")
HOLDS = ("A batch that is finished while the queue is full stays with the producer, who begins no other before it has "
         "its place")
SMALLEST = "Try M = 0, 1, 2, ... in turn, and take runs that differ by less than a microsecond for equally long"
SLIPS = [  # (what it is called, what comes out instead)
    ("That counts the batch on which the consumer works as one in the queue: it has left it when the work begins",
     lambda p, c: shortest(p, c, held=0, least=1)),
    ("That counts the batch on which the consumer works as one in the queue: it has left it when the work begins",
     lambda p, c: shortest(p, c) + 1),
    (HOLDS + ". With you, it begins the next, which is one place more", lambda p, c: shortest(p, c, held=2)),
    ("A queue of 0 is one too: the producer hands each batch over to the consumer",
     lambda p, c: shortest(p, c, least=1)),
    ("Sums of floats come out a little different by another way, and you compare them exactly: allow a microsecond",
     lambda p, c: shortest(p, c, near=0.0)),
    ("That is how full an endless queue ever gets. A producer that has to wait costs nothing as long as the consumer "
     "does not run dry later", _fullest),
    ("That is how full an endless queue ever gets. A producer that has to wait costs nothing as long as the consumer "
     "does not run dry later", lambda p, c: _fullest(p, c, taken_first=False)),
    ("You compare with the time that the slower of the two needs alone; to compare with is the run with an endless "
     "queue, which has a start and an end too",
     lambda p, c: shortest(p, c, limit=lambda p, c: max(p[0] + sum(c), sum(p) + c[-1]))),
    (WHOLE, lambda p, c: len(p)), (WHOLE, lambda p, c: len(p) - 1),
    ("Sums or means do not say it: the order in which slow batches come does", lambda p, c: -(-sum(c) // sum(p))),
    ("Sums or means do not say it: the order in which slow batches come does", lambda p, c: int(max(c) // min(p))),
    ("Sums or means do not say it: the order in which slow batches come does", lambda p, c: -int(-max(c) // min(p))),
    ("The two have changed places, or the run is turned round: `produce` is the producer's, and its first batch comes "
     "first", lambda p, c: shortest(c, p)),
]


def slips():
    """[(what was done, what comes out in each case)]."""
    return [(cause, [slip(*case) for case in _cases()]) for cause, slip in SLIPS]


def queue_right(answer):
    """Wrong unless answer(produce, consume) is the smallest M, from 0 on, in every case."""
    cases = _cases()
    given = [answer(list(produce), list(consume)) for produce, consume in cases]
    for (produce, consume), M in zip(cases, given):
        where, right = f"produce {_shown(produce)}, consume {_shown(consume)}: ", shortest(produce, consume)
        if isinstance(M, bool) or not isinstance(M, (int, float)):
            raise Wrong(f"{where}return one number, the length M of the queue; got {M!r:.40}")
        if M != right:
            causes = (cause for cause, wrong in slips() if given == wrong)
            cause = next(causes, HOLDS if M < right else SMALLEST)
            raise Wrong(f"{where}{_fault(produce, consume, M, right)}. {cause}")


def _fault(produce, consume, M, right):
    if not 0 <= M < 1e9 or M != int(M):
        return f"M is a whole number from 0 on; yours is {M:g}"
    endless, mine = (seconds(produce, consume, places) for places in (len(produce), int(M)))
    if M < right:
        return f"with your M = {M:g} the run takes {mine:.6g} s, with an endless queue {endless:.6g}"
    return (f"with your M = {M:g} the run takes {mine:.6g} s, as with an endless queue; but with M = {right} it does "
            "so as well")


def _shown(times):
    return f"[{', '.join(f'{t:g}' for t in times[:8])}{', ...' * (len(times) > 8)}]"
