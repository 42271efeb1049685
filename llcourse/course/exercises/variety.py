"""Exercise 10.2: the mean cosine between groups' probabilities of wrong classes, and what else may have been
computed."""

import torch
import torch.nn.functional as F

from . import Wrong
from .refusals import explained

SIZES = (5, 3, 4, 3.0), (4, 2, 10, 1.0), (6, 4, 3, 0.5), (3, 1, 5, 3.0)  # batch, G, classes, T
REFUSALS = {
    "modified by an inplace operation":
        "autograd needs the probabilities as softmax left them, and you set zeros into them: `scatter` and "
        "`masked_fill` without an underscore, or a product with a mask, make a new tensor",
}


def diversity_right(answer):
    """Wrong unless answer(logits, y, T) is the mean cosine, and has its gradient."""
    for batch, G, classes, T in SIZES:
        leaf = (2 * torch.randn(batch, G, classes, dtype=torch.float64)).requires_grad_()
        logits, y = leaf.clone(), torch.randint(classes, (batch,))
        where, given = f"batch {batch}, G = {G}, {classes} classes, T = {T:g}: ", answer(logits, y, T)
        if not torch.equal(logits, leaf):
            raise Wrong(where + "the logits changed in place, and the cross-entropy needs them as they were")
        if isinstance(given, torch.Tensor) and given.shape:
            raise Wrong(where + f"return one number, the mean over samples and pairs; its shape is "
                                f"{tuple(given.shape)}")
        if G == 1:
            if not isinstance(given, (int, float, torch.Tensor)) or not float(given) == 0:
                raise Wrong(f"G = 1: one group has no other to be like, so it is 0; got {_shown(given)}")
            continue
        if not isinstance(given, torch.Tensor):
            raise Wrong(where + f"return a tensor, which carries the gradient; this is a {type(given).__name__}")
        right = _by_loops(leaf, y, T)
        if not _near(given, right):
            raise Wrong(where + f"it is {right:.6f}, yours is {_shown(given)}. {_slip(given, right, leaf, y, T)}")
        if not given.requires_grad:
            raise Wrong(where + "the value is right and has no gradient: it can push no group. Leave out detach, "
                                "no_grad, item and numpy")
        _pulls(where, given, right, leaf)


def _pulls(where, given, right, leaf):
    with explained(REFUSALS, where):
        got, = torch.autograd.grad(given, leaf, allow_unused=True)
    expected, = torch.autograd.grad(right, leaf)
    if got is None:
        raise Wrong(where + "the value is right, and its gradient does not reach the logits")
    if not (got - expected).abs().max() <= 1e-7:
        half = (2 * got - expected).abs().max() <= 1e-7
        raise Wrong(where + "the value is right, its gradient is not: " + (
            "it is half of what it should be. Of every pair you detach one, and both groups are to move away" if half
            else "something on the way, such as a length, is detached"))


def _by_loops(logits, y, T):
    """Sample by sample, pair by pair, wrong classes only."""
    cosines = []
    for sample, true in zip(logits, y.tolist()):
        wrong = [[(row / T).exp()[c] for c in range(len(row)) if c != true] for row in sample]
        wrong = [torch.stack(row) for row in wrong]
        cosines += [(p @ q) / (p @ p).sqrt() / (q @ q).sqrt() for g, p in enumerate(wrong) for q in wrong[:g]]
    return torch.stack(cosines).mean()


def _slip(given, right, leaf, y, T):
    if not torch.isfinite(given):
        return "Something is divided by zero, or a logarithm is taken of one"
    with torch.no_grad():
        for wrong, cause in (*_other_vectors(leaf, y, T), *_other_sums(right, len(leaf), leaf.shape[1])):
            if _near(given, wrong):
                return cause
    return ("Per sample and pair: the sum over classes of p q, over the length of p and the length of q, where p and q "
            "are probabilities at T with a zero at y")


def _other_vectors(logits, y, T):
    """(what comes out, what was done) where a vector is not what it should be."""
    hot = F.one_hot(y, logits.shape[-1]).unsqueeze(1).expand_as(logits).bool()
    p, wrong = (logits / T).softmax(-1), ~hot
    clear = p * wrong
    centred = clear - clear.sum(-1, keepdim=True) / (logits.shape[-1] - 1)
    predicted = F.one_hot(logits.argmax(-1), logits.shape[-1]).bool()
    over_groups = "Dimension 1 are the groups, and {} goes over classes: dim=-1"
    yield _cosine(p), "The true class is still in it: groups that are right together would be punished for it"
    yield _cosine(logits.softmax(-1) * wrong), "The temperature is missing: softmax of logits / T"
    yield _cosine((logits * T).softmax(-1) * wrong), "Logits are divided by T, not multiplied"
    yield _cosine(logits / T * wrong), "These are cosines of logits: take probabilities, softmax over the classes"
    yield _cosine((logits / T).log_softmax(-1) * wrong), "These are cosines of logarithms: take the probabilities"
    yield (_cosine((logits / T).masked_fill(hot, 0).softmax(-1)),
           "You set the true class's logit to zero, which leaves it a probability of exp(0): set the probability")
    yield _cosine((logits / T).masked_fill(hot, 0).softmax(-1) * wrong * 0 + p * ~predicted), (
        "You clear the class that a group finds likeliest, and should the true one, y")
    for middle in (centred, centred * wrong, clear - clear.mean(-1, keepdim=True)):
        yield _cosine(middle), "You take off the mean: that is a correlation, from -1 to 1; a cosine takes off nothing"
    yield _cosine((logits / T).softmax(1) * wrong), over_groups.format("the softmax")
    yield _pairs(F.normalize(clear, dim=1)), over_groups.format("a length")
    yield (_pairs(clear / clear.sum(-1, keepdim=True)),
           "Your vectors sum to 1; for a cosine their squares do: divide by the length, the root of the sum of squares")
    yield _pairs(clear), "That is the product of the probabilities: for a cosine, divide each vector by its length"
    yield (_cosine(clear.transpose(0, 1).flatten(1).unsqueeze(0)),
           "One cosine over the whole batch: take one a sample, then the mean")


def _other_sums(right, batch, G):
    """(what comes out, what was done) where the cosines are right."""
    ordered = batch * G * (G - 1)
    yield 1 - right, "That is how different they are, 1 - cosine; the term is how alike"
    yield -right, "Its sign is turned: the loss falls where groups grow less alike"
    yield (right * ordered + batch * G) / (batch * G * G), "Pairs of a group with itself are in it, whose cosine is 1"
    yield (right * ordered + batch * G) / ordered, "Pairs of a group with itself are in it, whose cosine is 1"
    for samples, of_samples in ((1, ""), (batch, "samples")):
        for pairs, of_pairs in ((1, ""), (G * (G - 1), "pairs"), (G * (G - 1) / 2, "pairs")):
            if samples * pairs != 1:
                yield right * samples * pairs, (
                    f"You add up over {' and '.join(filter(None, (of_samples, of_pairs)))}: take the mean")
    yield right * (G - 1) / G, "G * G pairs divide it, but those of a group with itself are none: G * (G - 1)"
    for factor, how in ((2, "twice"), (0.5, "half of")):
        yield right * factor, (f"It is {how} what it should be: pairs (g, h) with g < h are G (G - 1) / 2, and with "
                               "(h, g) besides twice as many. Divide by as many as you add up")


def _cosine(vectors):
    return _pairs(F.normalize(vectors, dim=-1))


def _pairs(vectors):
    G = vectors.shape[1]
    products = vectors @ vectors.transpose(1, 2)
    return (products.sum() - products.diagonal(dim1=1, dim2=2).sum()) / (len(vectors) * G * (G - 1))


def _near(given, value):
    return bool((given.detach() - value.detach()).abs() <= 1e-6)


def _shown(given):
    return f"{given.item():.6f}" if isinstance(given, torch.Tensor) else repr(given)[:40]
