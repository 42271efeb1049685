"""Exercise 5.1: one update of a codebook, and what is told from the numbers where it is another one."""

import torch

from . import Wrong

Kc, D, EPSILON, CLOSE = 6, 3, 1e-5, 1e-9
UNUSED, FRESH = 4, 5  # codes that get no pixel: one used before, one that never was


def updated(codebook, counts, sums, pixels, indices, decay):
    """Moving averages of counts and sums; their ratio, smoothed after Laplace, where a code got a pixel."""
    hot = torch.nn.functional.one_hot(indices, len(codebook)).to(pixels.dtype)
    used, total = hot.sum(0), hot.T @ pixels
    counts, sums = decay * counts + (1 - decay) * used, decay * sums + (1 - decay) * total
    moved = sums / _smoothed(counts)[:, None]
    return torch.where(used[:, None] > 0, moved, codebook), counts, sums


def _smoothed(counts):
    n = counts.sum()
    return (counts + EPSILON) / (n + len(counts) * EPSILON) * n


def update_right(answer):
    """Wrong unless answer(codebook, counts, sums, pixels, indices, decay) makes three updates as `updated` does."""
    codebook = torch.randn(Kc, D, dtype=torch.float64)
    counts = 2 * torch.rand(Kc, dtype=torch.float64)
    counts[1] = 0.001  # so rare that smoothing shows
    counts[FRESH] = 0
    state = codebook, counts, codebook * counts[:, None]
    for decay in (0.9, 0.5, 0.0):
        pixels = torch.randn(40, D, dtype=torch.float64)
        indices = torch.randint(UNUSED, (40,))
        right = updated(*state, pixels, indices, decay)
        given = answer(*(tensor.clone() for tensor in (*state, pixels, indices)), decay)
        _same(_three(given), right, state, pixels, indices, decay)
        state = right


def _three(given):
    """The answer as three tensors of the right shapes."""
    names, shapes = ("codebook", "counts", "sums"), ((Kc, D), (Kc,), (Kc, D))
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise Wrong(f"return three tensors, (codebook, counts, sums); got a {type(given).__name__}"
                    + (f" of {len(given)}" if isinstance(given, (tuple, list)) else ""))
    for name, shape, tensor in zip(names, shapes, given):
        if not isinstance(tensor, torch.Tensor):
            raise Wrong(f"{name} is a {type(tensor).__name__}, and a tensor of shape {shape} is asked for")
        if tensor.shape != shape:
            raise Wrong(f"{name} has the shape {tuple(tensor.shape)}, not {shape}: the order is (codebook, counts, "
                        "sums), and a code that no pixel chose has its row too")
    return [tensor.detach().double() for tensor in given]


def _same(given, right, before, pixels, indices, decay):
    codebook, counts, sums = given
    old_codebook, old_counts, old_sums = before
    hot = torch.nn.functional.one_hot(indices, Kc).double()
    used, total = hot.sum(0), hot.T @ pixels
    if not _close(counts, right[1]):
        raise Wrong(_average("counts", counts, old_counts, used, decay, "how many pixels chose each code"))
    if not _close(sums, right[2]):
        means = total / used.clamp(min=1)[:, None]
        if _close(sums, decay * old_sums + (1 - decay) * means):
            raise Wrong("sums averages the pixels' mean; it is their sum that is averaged, since counts divides it "
                        "later: a code with many pixels would come out far too near to zero")
        raise Wrong(_average("sums", sums, old_sums, total, decay, "the sum of the pixels that chose each code"))
    _codes(codebook, right, old_codebook, used, total, decay)


def _codes(codebook, right, old, used, total, decay):
    """Wrong, with the likeliest cause, unless the codes are sums / counts, smoothed, and unused ones stay."""
    _, counts, sums = right
    idle = [k for k in range(Kc) if not used[k]]
    live = [k for k in range(Kc) if used[k]]
    if _close(codebook[live], right[0][live]):
        moved = next((k for k in idle if not _close(codebook[k], old[k])), None)
        if moved is not None:
            raise Wrong(f"code {moved} got no pixel, and yet it moved"
                        + (" to the origin: nobody has used it so far, and 0 / 0 says nothing of where it belongs"
                           if moved == FRESH and not codebook[moved].nan_to_num().any() else "")
                        + ". Take the new code only where a pixel chose it, and the old one elsewhere: torch.where")
        return
    mean = total / used.clamp(min=1)[:, None]
    share = (counts + EPSILON) / (counts.sum() + Kc * EPSILON)
    for wrong, cause in (
            (sums / counts[:, None], "the counts are not smoothed. Divide by (counts + 1e-5) / (n + Kc * 1e-5) * n, n "
                                     "the sum of counts"),
            (sums / (counts + EPSILON)[:, None], "1e-5 is added, but the counts no longer sum to n: divide by "
                                                 "(counts + 1e-5) / (n + Kc * 1e-5) * n"),
            (sums / share[:, None], "the smoothed counts are shares that sum to 1: multiply them by n, the sum of "
                                    "counts"),
            (mean, "it is the mean of this batch's pixels alone, a step of k-means: what counts and sums remember is "
                   "not in it. Divide the new sums by the new, smoothed counts"),
            (decay * old + (1 - decay) * mean, "it averages codes. Average counts and sums, and divide: else a code "
                                               "that got one pixel moves as far as one that got a thousand"),
            (old, "no code has moved: divide the new sums by the new, smoothed counts")):
        if _close(codebook[live], wrong[live]):
            raise Wrong(f"counts and sums are right, the codebook is not: {cause}")
    raise Wrong("counts and sums are right, the codebook is not: a code is its new sum over its new, smoothed count")


def _average(name, given, old, new, decay, what):
    """Why a moving average is not the one asked for."""
    for wrong, cause in (
            ((1 - decay) * old + decay * new, "decay is the weight of what was there; the batch has 1 - decay"),
            (decay * old + new, "the batch needs the weight 1 - decay, or the average grows without end"),
            (old + new, "it adds up and forgets nothing: decay * old + (1 - decay) * new"),
            (new, "that is the batch alone: decay * old + (1 - decay) * new"),
            (old, "it is what it was before: decay * old + (1 - decay) * new"),
            (torch.where(new == 0, old, decay * old + (1 - decay) * new), "a code without pixels keeps its place; its "
             "count and its sum decay all the same")):
        if _close(given, wrong):
            return f"{name}, at decay {decay:g}: {cause}"
    return (f"{name}, at decay {decay:g}, is not the moving average of {what}: decay * old + (1 - decay) * new. "
            "index_add_ and bincount(minlength=Kc) count pixels that share a code; += at an index counts them once")


def _close(a, b):
    return torch.allclose(a, b, rtol=1e-7, atol=CLOSE)
