"""Exercise 8.1: bits per byte of logits, and what else may have been computed."""

import math

import torch

from . import Wrong

SIZES = (3, 5, 7), (2, 6, 256), (1, 4, 5), (6, 1, 5), (4, 4, 4)  # batch, context, vocabulary
LN2 = math.log(2)
INDEX = "index out of range", "out of bounds", "is out of"


def bits_right(answer):
    """Wrong unless answer(logits, y) is the mean over all bytes of -log2 p(y), also where logits are extreme."""
    for where, logits, y in _cases():
        given, right = (logits.clone(), y.clone()), _bits(logits, y).mean().item()
        said = _number(where, answer, given)
        for name, now, before in zip(("logits", "y"), given, (logits, y)):
            if not torch.equal(now, before):
                raise Wrong(where + f"{name} changed in place, and other code reads them after yours")
        if not _near(said, right):
            raise Wrong(where + f"it is {right:.4f}, yours is {said:.4f}. " + _fault(said, right, logits, y))


def _cases():
    """(what it is, logits, y)."""
    for B, T, V in SIZES:
        logits, y = 2 * torch.randn(B, T, V), torch.randint(V, (B, T))
        yield f"logits {(B, T, V)}, y {(B, T)}: ", logits, y
    logits, y = torch.randn(3, 4, 9), torch.randint(9, (3, 4))
    far = (1000 * torch.randn(3, 4, 1)).round()
    yield "logits near 1000 and -1000, which differ little within a byte: ", logits + far, y
    yield "logits up to 400 apart: ", 400 * torch.rand(3, 4, 9), y


def _bits(logits, y):
    """-log2 p(y) of every byte, (B, T), in float64."""
    return -logits.double().log_softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1) / LN2


def _number(where, answer, given):
    try:
        said = answer(*given)
    except (RuntimeError, ValueError, IndexError) as error:
        meaning = _meaning(str(error), given[0].shape[2])
        if meaning is None:
            raise
        raise Wrong(where + meaning) from None
    except (OverflowError, ZeroDivisionError):
        raise Wrong(where + "a power of e is too large for a number, or too small. A softmax stays what it is if a "
                            "byte's largest logit is taken away from all of that byte first: `log_softmax` does so"
                    ) from None
    while isinstance(said, list) and len(said) == 1:
        said = said[0]
    if isinstance(said, list):
        raise Wrong(where + f"return one number, the mean over all {given[1].numel()} bytes; this is a list of "
                            f"{len(said)}")
    if isinstance(said, bool) or not isinstance(said, (int, float)):
        raise Wrong(where + f"return one number; got {str(said)[:40]}")
    return said


def _meaning(text, V):
    """What an error of PyTorch's says of this exercise, or None."""
    if "Expected target size" in text or "Expected input batch_size" in text or "batch_size" in text:
        return ("`F.cross_entropy` wants the classes in dimension 1: (N, V) beside y of shape (N,), or (B, V, T) "
                "beside (B, T). Flatten batch and context together: logits.flatten(0, 1), y.flatten()")
    if "math domain error" in text or "expected a positive input" in text:
        return ("a logarithm is taken of 0: the probability is too small for a number. `log_softmax` never makes one")
    if any(words in text for words in INDEX):
        return (f"a byte of y, from 0 to {V - 1}, is used as an index of something that has fewer entries: the "
                "vocabulary is the last dimension of logits")
    return None


def _near(said, value, tolerance=1e-4):
    return abs(said - value) <= tolerance * max(1.0, abs(value))


def _fault(said, right, logits, y):
    for cause, wrong in _slips(right, logits.double(), y):
        if math.isfinite(wrong) and _near(said, wrong, 5e-6):
            return cause
    if not math.isfinite(said) and logits.abs().max() < 100:
        return "A logarithm is taken of 0 or less, or something divided by 0: logits are no probabilities yet"
    if not math.isfinite(said):
        return ("Some p is too small for a number, or e^logit too large. log p is logit - log sum e^logit, and "
                "`log_softmax` computes it so that both stay in reach")
    if said < right and logits.abs().max() > 100:
        return ("Something cuts the surprise off, such as a clamp, nan_to_num, or a little added to p: a byte held "
                "impossible costs what it costs. Take the logarithm by `log_softmax`")
    return "Of every byte, -log2 of the softmax's entry at y, over the last dimension; of these the mean"


def _slips(right, logits, y):
    """(what was done, what comes out)."""
    B, T, V = logits.shape
    each, at_y = _bits(logits, y), y.unsqueeze(-1)
    p, nats = logits.softmax(-1), right * LN2
    yield "These are nats, of the natural logarithm: a bit is log 2 of them, so divide by log 2", nats
    yield "You multiply nats by log 2; a bit is less than a nat, so there are more of them: divide", nats * LN2
    yield "log 2 is divided by twice", right / LN2
    yield "You count in digits, by the logarithm to base 10", right * math.log10(2)
    yield "Its sign is turned: p is at most 1, so -log2 p is at least 0", -right
    yield "Its sign is turned, and it is in nats", -nats
    yield "You divide by the 8 bits that a byte takes unpacked: that is a rate of compression", right / 8
    yield f"You divide by the {math.log2(V):g} bits of a uniform guess: that is a share", right / math.log2(V)
    yield "That is the sum over all bytes; the mean is asked for", right * B * T
    yield "That is the sum over all bytes, and in nats; the mean is asked for, in bits", nats * B * T
    if T > 1:
        yield "Every one of the T positions has a prediction: you divide by T - 1", right * T / (T - 1)
    yield "You add up over the context: the mean is over positions too", right * T
    yield "You add up over the context, in nats: the mean is over positions too, in bits", nats * T
    yield "You add up over the batch: the mean is over windows too", right * B
    yield "You divide by the vocabulary too: of each byte one entry counts, the one at y", right / V
    yield "You divide by the vocabulary too, and it is in nats", nats / V
    if nats > 0:
        yield "You take log2 of the mean loss: change the unit of the loss, do not take its logarithm", math.log2(nats)
        yield "You take the logarithm of the mean: the mean is of logarithms", _of_mean(p, at_y)
    if right < 500:
        yield "That is perplexity, e to the nats and 2 to the bits: bits per byte is its log2", math.exp(nats)
    yield "It is rounded: return the number itself", round(right, 2)
    yield "It is rounded: return the number itself", round(right, 3)
    if logits.abs().max() < 100:
        yield "That is what a uniform guess costs: logits do not come into it", math.log2(V)
    yield "A softmax has powers of e, and yours of 2", _bits(logits * LN2, y).mean().item()
    hits = (logits.argmax(-1) == y).double().mean().item()
    yield "That is the accuracy: it asks which byte is first, not how much p the right one has", hits
    yield "That is the error rate: it asks which byte is first, not how much p the right one has", 1 - hits
    yield "That is the mean probability of the right byte: take -log2 of each", p.gather(-1, at_y).mean().item()
    entropy = -(p * logits.log_softmax(-1)).sum(-1).mean().item()
    yield "That is the entropy of what the network says; it does not look at y", entropy / LN2
    yield "That is the entropy of what the network says, in nats; it does not look at y", entropy
    yield "You take -log2 of the largest p; of that of y is asked", -logits.log_softmax(-1).amax(-1).mean().item() / LN2
    yield "Logits are no probabilities yet: there is a softmax between", -_at(logits, at_y)
    yield "Logits are no probabilities yet: there is a softmax between", -_at(logits, at_y) / LN2
    twice = _bits(p, y).mean().item()
    yield "The softmax is taken twice: `F.cross_entropy` has one in it, and wants logits", twice
    yield "The softmax is taken twice, and it is in nats: `F.cross_entropy` has one in it", twice * LN2
    for axis, name in ((0, "batch"), (1, "context")):
        over = -_at(logits.log_softmax(axis), at_y)
        yield f"The softmax runs over dimension {axis}, the {name}; it belongs to the last, the vocabulary", over / LN2
        yield f"The softmax runs over dimension {axis}, the {name}, and it is in nats", over
    whole = -_at(logits.flatten().log_softmax(0).view_as(logits), at_y)
    yield "The softmax runs over all entries; each byte has one of its own, over the last dimension", whole / LN2
    yield "The softmax runs over all entries, and it is in nats", whole
    yield from _places(each, y)
    yield from _shifted(logits, y)


def _places(each, y):
    """Means over some of the bytes alone."""
    B, T = each.shape
    for unit, name in ((1, ""), (LN2, ", in nats")):
        if some := y.count_nonzero():
            yield f"You leave out bytes that are 0{name}: they count too", (each * (y > 0)).sum().item() / some * unit
        yield f"You count the last byte of each window alone{name}: every position has a prediction", (
            each[:, -1].mean().item() * unit)
        yield f"You count the first window alone{name}: the mean is over the batch too", each[0].mean().item() * unit
        if T > 1:
            yield f"You leave out the first byte of each window{name}: it has a prediction like the others", (
                each[:, 1:].mean().item() * unit)
            yield f"You leave out the last byte of each window{name}: y has its next byte", (
                each[:, :-1].mean().item() * unit)


def _shifted(logits, y):
    """Bytes compared with logits of other bytes."""
    B, T, V = logits.shape
    said = "y holds next bytes already, so position t of both belong together: you shift once more"
    other = "rows of logits and of y do not belong together: "
    mixed = [(said, logits[:, :-1], y[:, 1:]), (said, logits[:, 1:], y[:, :-1]),
             (said, logits, y.roll(-1, 1)), (said, logits, y.roll(1, 1)),
             (other + "a view or reshape to (B, V, T) does not exchange dimensions, transpose(1, 2) does",
              logits.reshape(B, V, T).transpose(1, 2), y),
             (other + "one of them is transposed before it is flattened, and the other not", logits, y.T.reshape(B, T)),
             (other + "one of them is transposed before it is flattened, and the other not",
              logits.transpose(0, 1).reshape(B, T, V), y)]
    for cause, of_logits, of_y in mixed:
        if of_y.numel():
            bits = _bits(of_logits, of_y).mean().item()
            yield cause, bits
            yield cause + ". And it is in nats", bits * LN2


def _at(values, at_y):
    return values.gather(-1, at_y).mean().item()


def _of_mean(p, at_y):
    mean = _at(p, at_y)
    return -math.log2(mean) if mean > 0 else math.inf
