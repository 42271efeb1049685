"""Exercises of chapter 03: decoupled greedy learning."""

from ... import reach as reaches
from ... import timeline
from . import Wrong, exercise
from .cutting import largest
from .step import step_right

TOLERANCE = 1e-6  # of a float32


@exercise("3.1", title="The step of DGL", dots=2, minutes=10, acts=True,
          why="The border, not the loop, makes a method local; when a module goes back decides what is kept.",
          hints=["One loop over zip(body, heads, optimizers): a module, its loss, backward, step; then the next one.",
                 "The gradient must stop between two modules: detach what the next module receives, not what the head "
                 "receives.",
                 "In the loop: zero_grad(), x = module(x), the cross-entropy of head(x) and its backward(), step(), "
                 "x = x.detach(). The output that you pass on was computed before the step; do not compute it again."])
def dgl_step(answer):
    step_right(answer)


@exercise("3.2", title="Borders for the slowest worker", dots=3, minutes=15, numbers=True,
          why="The slowest worker, its head included, sets the pace of all; and a device has only so much room.",
          hints=["The published borders of ResNet-32 are [4, 8, 12]: 29.2 %, but worker 1 keeps 30.4 MiB. Early blocks "
                 "have the large maps: take one away from worker 1, and see who has no room now.",
                 "ResNet-32 has only 455 cuts: itertools.combinations(range(1, n), K - 1) lists the borders of each.",
                 "For each cut the ends are [0, *cut, n], and its workers are worker(a, b) for neighbouring ends. "
                 "Leave out cuts with a worker above 30 MiB; of the others take the one whose largest share is least."])
def borders(answer):
    first, second = (largest(answer, depth, K) for depth, K in ((32, 4), (20, 3)))
    return (f"your score: the largest worker has {first:.1f} % of ResNet-32 and {second:.1f} % of ResNet-20 (less is "
            "better; the best are 34.3 and 43.7)")


@exercise("3.3", title="Utilisation", dots=1, minutes=5, numbers=True,
          why="It says how much of the promised speed-up a short run pays for filling the chain.",
          hints=["Worker K starts K - 1 time units after worker 1 and then never waits.",
                 "Each worker is busy for 3 units a batch. The run lasts from the first start to worker K's end."])
def busy_share(answer):
    for K, batches in ((1, 1), (4, 5), (4, 1), (8, 20), (16, 2)):
        simulated = timeline.utilisation(timeline.simulate(reaches.local(K), batches), K)
        given = answer(K, batches)
        if not isinstance(given, (int, float)):
            raise Wrong(f"return one number; got {given}")
        if not abs(given - simulated) <= TOLERANCE:
            raise Wrong(f"for K = {K} and {batches} batches the simulator finds {simulated:.4f}, "
                        f"your formula {given:.4f}. {_slip(K, batches, given, simulated)}")


def _slip(K, batches, given, simulated):
    if abs(given / 100 - simulated) <= TOLERANCE:
        return "A share is a number from 0 to 1, not a percentage"
    if abs(given - batches / (batches + K - 1)) <= TOLERANCE:
        return "There every worker waits for three units before it follows; it needs the forward pass below, one unit"
    if abs(given - 1 / K) <= TOLERANCE:
        return "That is backprop's, where one worker is busy at a time; in DGL none waits for a gradient from above"
    if given == 1:
        return "Not all workers are busy from the first unit on: how long does worker K wait before it starts?"
    return "How long does worker K wait before its first batch, and for how long is it busy after that?"
