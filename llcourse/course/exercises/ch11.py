"""Exercises of chapter 11: modules as processes."""

from . import exercise
from .deadlock import unlocked
from .failing import first_right
from .queueing import queue_right
from .wire import wire_right


@exercise("11.1", title="Who waits for whom?", dots=2, minutes=10, acts=True,
          why="Nothing crashes, nothing is printed: two workers wait for each other, for ever.",
          hints=["Follow workers 0 and 1 on paper up to batch 1. At which line does each of them stand?",
                 "Worker 0 sends the features of batch 1; worker 1 sends the gradient of batch 0. Both wait until the "
                 "other receives. At this link, one of them has to receive first. Which line can move up?",
                 "`learn(recv(k + 1))` reads the gradient of batch n - 1, which worker k + 1 sends before it receives "
                 "batch n. So receive it before send(k + 1, h), behind `work`."])
def worker(answer):
    unlocked(answer)


@exercise("11.2", title="Bytes on the wire", dots=1, minutes=10, numbers=True,
          why="What is predicted can be compared with what the socket counts.",
          hints=["Up goes the same for every N: batch * (C * H * W * width + 8). How many gradients come down?",
                 "Those of losses above border k that train a module below it. Loss i trains module i - N + 1 alone, "
                 "the last, K, modules K - N + 1 to K; losses 1 to N - 1 are not computed. Which cross border 1?",
                 "Losses i from max(k + 1, N) to min(k + N - 1, K) cross border k: "
                 "len(range(max(k + 1, N), min(k + N - 1, K) + 1)) gradients, each as large as the features."])
def wire_bytes(answer):
    wire_right(answer)


@exercise("11.3", title="How long a queue?", dots=3, minutes=15, numbers=True,
          why="A queue hides that workers are slow by turns; no queue hides that one is slow.",
          hints=["Write a function of M that follows the run: when each batch finds its place, when the consumer ends "
                 "it. Then try M = 0, 1, 2, ...",
                 "Batch n is in its place when it is finished and when, of the batches before it, at most M still wait "
                 "for the consumer or are with it: with M = 0 the consumer has ended batch n - 1.",
                 "put[n] = max(put[n - 1] + produce[n], end[n - M - 1]), end[n] = max(put[n], end[n - 1]) + consume[n]"
                 ", where they exist. The smallest M with end[-1] <= endless + 1e-6, endless being that of M = "
                 "len(produce)."])
def queue_length(answer):
    queue_right(answer)


@exercise("11.4", title="Who failed first?", dots=2, minutes=10,
          why="One worker dies, and ten report an error: nine of them only waited for it.",
          hints=["For each row: None, or the cause of a failure of its own. What does `exit` say, and when does "
                 "`waits` matter?",
                 "exit None: hung, if now - sign > patience. Below 0: killed, unless it is -15. Above 0: a victim if "
                 "it waits for somebody; else math.isnan(loss) tells nan from raised. 0: finished.",
                 "failures.append((row[\"sign\"], row[\"worker\"], cause)) for each with a cause; return "
                 "min(failures)[1:]."])
def first_failure(answer):
    first_right(answer)
