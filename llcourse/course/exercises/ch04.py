"""Exercises of chapter 04: asynchrony and replay buffers."""

from . import exercise
from .clocks import plan_score
from .replaying import pick_right, probe_right


@exercise("4.1", title="Which batch to read", dots=2, minutes=10, numbers=True,
          why="This rule alone decides how old and how often repeated the inputs of a module are.",
          hints=["Two keys, one after the other: first the number of reads, then the age.",
                 "The slots to choose from are those with uses[s] == min(uses); of these the one with the least age.",
                 "Return -1 if uses is empty, or if cap is not None and min(uses) >= cap. Else: min(range(len(uses)), "
                 "key=lambda s: (uses[s], ages[s]))."])
def pick(answer):
    pick_right(answer)


@exercise("4.2", title="Find the view", dots=2, minutes=10,
          why="A buffer that keeps a view trains the next module on whatever is written there later, without an error.",
          hints=["Put a batch of your own making, change it in place, and look at what take() gives.",
                 "torch.ones(4, 3) as the batch, then batch.fill_(7) (all of it: a buffer may keep a part). What did "
                 "take() give before, and what after? Copy the first answer, or it changes with the rest.",
                 "h = torch.ones(4, 3); buffer.put(h); before = buffer.take().clone(); h.fill_(7); "
                 "return not torch.equal(before, buffer.take())"])
def probe(answer):
    probe_right(answer)


@exercise("4.3", title="A slow machine and 64 MiB", dots=3, minutes=15, numbers=True,
          why="Where the slow machine stands costs more than how much memory there is.",
          hints=["Module 4 is read by nobody. Which module's slowness is passed on to others?",
                 "With module 4 slow, fill the room: 8 M1 + 4 M2 + 2 M3 = 64. Then move batches from the last buffer "
                 "to the first: what border 1 loses nobody above ever sees.",
                 "Buffer 3 is read three times more slowly than it is written, and has time to give the freshest: it "
                 "needs one batch or two."])
def plan(answer):
    score = plan_score(answer)
    return f"your score: {score:.1f} % (more is better; the best is 55.2)"
