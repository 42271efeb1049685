"""Wrong answers to the exercises of chapter 03, each with words that its message must hold."""

import numpy as np
import torch
import torch.nn.functional as F

from llcourse import partition
from llcourse.course.solutions.ch03 import dgl_step


def step(body, heads, optimizers, x, y, border=True, for_head=False, zero=True, steps=True, again=False, scale=1,
         at_once=False, upto=None):
    """One step of DGL, with whatever fault the options say."""
    total = 0
    for module, head, optimizer in list(zip(body, heads, optimizers))[:upto]:
        if zero:
            optimizer.zero_grad()
        h = module(x)
        loss = scale * F.cross_entropy(head(h.detach() if for_head else h), y)
        total = total + loss
        if not at_once:
            loss.backward()
        if steps and not at_once:
            optimizer.step()
        h = module(x) if again else h
        x = h.detach() if border else h
    if at_once:
        total.backward()
        for optimizer in optimizers:
            optimizer.step()


def step_with(**fault):
    return lambda *given: step(*given, **fault)


def stale(part):
    """The gradients of the modules, or of the heads, are left from the batch before."""
    def answer(body, heads, optimizers, x, y):
        (body if part == "heads" else heads).zero_grad()
        step(body, heads, optimizers, x, y, zero=False)
    return answer


def in_eval_mode(body, heads, optimizers, x, y):
    dgl_step(body.eval(), heads.eval(), optimizers, x, y)


def left_in_eval_mode(body, heads, optimizers, x, y):
    dgl_step(body, heads, optimizers, x, y)
    body.eval()


def without_heads(n, K, worker):
    """Balanced in MACs, as the package cuts networks that nobody published borders for."""
    return partition.balanced([worker(b, b + 1)[0] for b in range(n)], K)[:-1]


WRONG = {
    "3.1": [(step_with(border=False), "module 2 reads a tensor with a graph"),
            (step_with(border=False, at_once=True), "module 2 reads a tensor with a graph"),
            (step_with(for_head=True), "head 1 reads a tensor without a graph"),
            (step_with(at_once=True), "all graphs are kept at once"),
            (step_with(again=True), "module 1 ran 4 times"),
            (step_with(zero=False), "zero_grad() before every backward"),
            (stale("heads"), ".grad of the heads"), (stale("modules"), ".grad of the modules"),
            (step_with(steps=False), "module 1 did not learn"), (step_with(upto=2), "module 3 ran 0 times"),
            (step_with(scale=1 / 3), "plain cross-entropy"), (in_eval_mode, "eval mode"),
            (left_in_eval_mode, "eval mode")],
    "3.2": [(lambda n, K, worker: [4, 8, 12], "worker 1, with blocks 0 to 3, keeps 30.4 MiB"),
            (without_heads, "there is room for 30"),
            (lambda n, K, worker: [3, 5, 9], "46.3 %, that of worker 4 with blocks 9 to 15"),
            (lambda n, K, worker: np.array([3, 6, 10]), "ResNet-20, K = 3"),
            (lambda n, K, worker: torch.tensor([3, 5, 9]), "pass under 40 %"),
            (lambda n, K, worker: [0, 3, 6, 11], "K - 1 borders"), (lambda n, K, worker: [11, 6, 3], "rising"),
            (lambda n, K, worker: [3, 6, n], "from 1 to 15"), (lambda n, K, worker: 3, "K - 1 borders"),
            (lambda n, K, worker: worker(n, n + 1), "at least one of them"),
            (lambda n, K, worker: [3, 6, 11], "ResNet-20, K = 3")],
    "3.3": [(lambda K, batches: 1 / K, "That is backprop's"), (lambda K, batches: 1, "Not all workers are busy"),
            (lambda K, batches: batches / (batches + K - 1), "one unit"),
            (lambda K, batches: 3 * batches / (3 * batches + 3 * (K - 1)), "one unit"),
            (lambda K, batches: np.float32(3 * batches / (3 * batches + K)), "the simulator finds"),
            (lambda K, batches: torch.tensor(300 * batches / (3 * batches + K - 1)), "not a percentage"),
            (lambda K, batches: float("nan"), "your formula nan"), (lambda K, batches: [1], "one number")],
}
