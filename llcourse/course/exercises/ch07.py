"""Exercises of chapter 07: local updates at scale."""

from . import exercise
from .bubbles import idle_right
from .planning import BEST, plans_score
from .stairs import front_right


@exercise("7.1", title="Who waits, and how long", dots=2, minutes=10, numbers=True,
          why="Where messages are free, local learning saves this share of the time, and no more.",
          hints=["In step, a worker is busy for 3 m units a batch. How many more does it wait?",
                 "GPipe and 1F1B: K - 1 forward passes and K - 1 backward passes of 2 units. ZB-H1 fills all but K - 1 "
                 "units of it. Local: nobody waits.",
                 "Idle time over all time: 3 (K - 1) / (3 m + 3 (K - 1)) for GPipe and 1F1B, (K - 1) / (3 m + K - 1) "
                 "for ZB-H1, 0 for local."])
def idle(answer):
    idle_right(answer)


@exercise("7.2", title="The front", dots=2, minutes=10,
          why="A method's worth is not its best number, but whether it is on the front, and where.",
          hints=["Go through the points one by one: is there another that costs no more and is at least as good?",
                 "A point does not beat itself, and of two that are equal in both neither beats the other.",
                 "kept = [n for n, (c, q) in points.items() if not any(d <= c and r >= q and (d, r) != (c, q) "
                 "for d, r in points.values())]; return sorted(kept, key=lambda n: points[n])"])
def front(answer):
    front_right(answer)


@exercise("7.3", title="Two networks, two plans", dots=3, minutes=15,
          why="How far a gradient should travel depends on the links.",
          hints=["Try backprop, N = K, and a small N on both kinds of links, and look at ms and MiB.",
                 "With latency 0: backprop. With latency 6: the smallest N that is allowed, and few micro-batches. "
                 "Both: eight workers.",
                 "Two loops, over micro and the pipelines, find the rest: for the first try (8, 8, micro, pipeline), "
                 "for the second (8, 3, micro, pipeline)."])
def plans(answer):
    score = plans_score(answer)
    return f"your score: {score:.1f} ms (less is better; the best is {sum(BEST):.1f})"
