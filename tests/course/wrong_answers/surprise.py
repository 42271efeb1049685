"""Wrong answers to exercise 8.1, and right ones in another style."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from llcourse.course.solutions.ch08 import bits

LN2 = math.log(2)


def entropy(of=lambda z: z, y_of=lambda y: y, **more):
    """F.cross_entropy of all bytes, in nats, after something was done to logits or y."""
    return lambda z, y: F.cross_entropy(of(z).flatten(0, 1), y_of(y).flatten(), **more)


def each(log=lambda z: z.log_softmax(-1)):
    """-log p(y) of every byte, (B, T), from whatever log makes of logits."""
    return lambda z, y: -log(z).gather(-1, y[..., None])[..., 0]


def then(answer, do):
    return lambda *given: do(answer(*given))


def in_bits(answer):
    return then(answer, lambda nats: nats / LN2)


def shifted(logits, y):
    return bits(logits[:, :-1], y[:, 1:]) if y.shape[1] > 1 else bits(logits, y)


def shifted_back(logits, y):
    return bits(logits[:, 1:], y[:, :-1]) if y.shape[1] > 1 else bits(logits, y)


def transposed(logits, y):
    return F.cross_entropy(logits.transpose(1, 2), y.unsqueeze(1).squeeze(1)) / LN2


def overflows(logits, y):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -p.gather(-1, y[..., None]).log2().mean()


def python_exp(logits, y):
    total = 0
    for z, t in zip(logits.flatten(0, 1).tolist(), y.flatten().tolist()):
        total -= math.log2(math.exp(z[t]) / sum(map(math.exp, z)))
    return total / y.numel()


def changes_logits(logits, y):
    logits -= logits.amax(-1, keepdim=True)
    return bits(logits, y)


def one_maximum(logits, y):
    """Takes the largest logit of all bytes away: others' powers vanish."""
    e = (logits - logits.max()).exp()
    return -(e / e.sum(-1, keepdim=True)).gather(-1, y[..., None]).log2().mean()


def by_numpy(logits, y):
    z, t = logits.numpy().astype(np.float64), y.numpy()
    z = z - z.max(axis=-1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -np.mean(np.take_along_axis(logs, t[..., None], axis=-1)) / np.log(2)


def by_loops(logits, y):
    total = 0.0
    for window, labels in zip(logits.tolist(), y.tolist()):
        for z, t in zip(window, labels):
            top = max(z)
            total += math.log2(sum(math.exp(a - top) for a in z)) - (z[t] - top) / LN2
    return total / y.numel()


def by_logsumexp(logits, y):
    each = torch.logsumexp(logits, 2) - logits[torch.arange(len(y))[:, None], torch.arange(y.shape[1]), y]
    return (each * math.log2(math.e)).mean(1).mean(0)


def by_transpose(logits, y):
    return F.cross_entropy(logits.transpose(1, 2), y) * math.log2(math.e)


def by_categorical(logits, y):
    return -torch.distributions.Categorical(logits=logits).log_prob(y).mean().item() / LN2


RIGHT = [by_numpy, by_loops, by_logsumexp, by_transpose, by_categorical, lambda *given: [np.float32(bits(*given))],
         lambda logits, y: bits(logits.requires_grad_(), y)]

WRONG = [
    (entropy(), "These are nats"), (then(entropy(), lambda n: n * LN2), "You multiply nats by log 2"),
    (then(bits, lambda b: b / LN2), "log 2 is divided by twice"), (then(bits, lambda b: -b), "Its sign is turned"),
    (then(entropy(), lambda n: -n), "and it is in nats"), (then(bits, lambda b: b / 8), "a rate of compression"),
    (then(entropy(), lambda n: n / math.log(10)), "base 10"),
    (lambda z, y: bits(z, y) / math.log2(z.shape[2]), "that is a share"),
    (in_bits(entropy(reduction="sum")), "That is the sum over all bytes"),
    (entropy(reduction="sum"), "and in nats; the mean"), (lambda z, y: bits(z, y) * y.shape[1], "over positions too"),
    (in_bits(lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]),
     "the mean is over windows too"),
    (in_bits(entropy(reduction="none")), "return one number, the mean over all 15 bytes"),
    (then(in_bits(each()), lambda b: b.mean(1)), "this is a list of 3"),
    (then(entropy(), torch.log2), "change the unit of the loss"), (then(entropy(), torch.exp), "That is perplexity"),
    (then(bits, lambda b: 2 ** b), "That is perplexity"),
    (lambda z, y: (z.argmax(-1) == y).double().mean(), "That is the accuracy"),
    (lambda z, y: (z.argmax(-1) != y).double().mean(), "That is the error rate"),
    (lambda z, y: z.softmax(-1).gather(-1, y[..., None]).mean(), "the mean probability"),
    (lambda z, y: -z.softmax(-1).gather(-1, y[..., None]).mean().log2(), "You take the logarithm of the mean"),
    (lambda z, y: -(z.softmax(-1) * z.log_softmax(-1)).sum(-1).mean() / LN2, "it does not look at y"),
    (lambda z, y: -z.softmax(-1).amax(-1).log2().mean(), "-log2 of the largest p"),
    (then(each(lambda z: z), torch.mean), "Logits are no probabilities"),
    (lambda z, y: -z.gather(-1, y[..., None]).log2().mean(), "logits are no probabilities yet"),
    (in_bits(entropy(lambda z: z.softmax(-1))), "The softmax is taken twice"),
    (entropy(lambda z: z.softmax(-1)), "The softmax is taken twice, and"),
    (then(in_bits(each(lambda z: z.log_softmax(1))), torch.mean), "runs over dimension 1, the context"),
    (then(in_bits(each(lambda z: z.log_softmax(0))), torch.mean), "runs over dimension 0, the batch"),
    (then(each(lambda z: z.log_softmax(1)), torch.mean), "the context, and it is in nats"),
    (then(in_bits(each(lambda z: z.flatten().log_softmax(0).view_as(z))), torch.mean), "runs over all entries"),
    (lambda z, y: -z.log_softmax(-1).mean() / LN2, "-log2 of the softmax's entry at y"),
    (then(bits, lambda b: b / 3.3), "-log2 of the softmax's entry at y"),
    (lambda z, y: bits(z, y) * y.shape[1] / max(1, y.shape[1] - 1), "you divide by T - 1"),
    (entropy(ignore_index=0), "You leave out bytes that are 0, in nats"), (shifted, "you shift once more"),
    (then(bits, lambda b: round(b.item(), 2)), "It is rounded"),
    (lambda z, y: math.log2(z.shape[2]), "a uniform guess"),
    (lambda z, y: -(2 ** z / (2 ** z).sum(-1, keepdim=True)).gather(-1, y[..., None]).log2().mean(), "yours of 2"),
    (lambda z, y: torch.nan_to_num(overflows(z, y)), "such as a clamp, nan_to_num"),
    (lambda z, y: bits(z.clamp(-50, 50), y), "such as a clamp"), (shifted_back, "you shift once more"),
    (lambda z, y: bits(z, y.roll(-1, 1)), "you shift once more"),
    (lambda z, y: bits(z[:, -1:], y[:, -1:]), "You count the last byte of each window alone"),
    (lambda z, y: F.cross_entropy(z[:, -1], y[:, -1]), "alone, in nats"),
    (lambda z, y: bits(z[:1], y[:1]), "You count the first window alone"),
    (lambda z, y: bits(z[:, 1:], y[:, 1:]) if y.shape[1] > 1 else bits(z, y), "You leave out the first byte"),
    (lambda z, y: bits(z[:, :-1], y[:, :-1]) if y.shape[1] > 1 else bits(z, y), "You leave out the last byte"),
    (lambda z, y: F.cross_entropy(z.reshape(z.shape[0], z.shape[2], -1), y) / LN2, "does not exchange dimensions"),
    (lambda z, y: bits(z, y.T.reshape(y.shape)), "is transposed before it is flattened"),
    (lambda z, y: F.cross_entropy(z, y) / LN2, "wants the classes in dimension 1"),
    (lambda z, y: F.cross_entropy(z.flatten(0, 1), y) / LN2, "wants the classes in dimension 1"),
    (overflows, "too large"), (python_exp, "too large"), (one_maximum, "too small for a number"),
    (lambda z, y: -z.softmax(-1).gather(-1, y[..., None]).log2().mean(), "too small for a number"),
    (lambda z, y: -(z.softmax(-1).gather(-1, y[..., None]) + 1e-9).log2().mean(), "cuts the surprise off"),
    (lambda z, y: -z.softmax(-1).clamp(min=1e-12).gather(-1, y[..., None]).log2().mean(), "cuts the surprise off"),
    (changes_logits, "logits changed in place"), (lambda z, y: bits(z, y.sub_(1).clamp_(min=0)), "y changed in place"),
    (lambda z, y: str(bits(z, y)), "numbers are asked for"), (lambda z, y: [bits(z, y)].clear(), "begin with `return`"),
]
