"""Wrong answers to the exercises of chapter 10, each with words that its message must hold."""

import torch
import torch.nn.functional as F

from llcourse import groups
from llcourse.course.solutions.ch10 import cells, diversity, mended, owners


def by_row(owner, shaped=lambda rows, p: rows.view(-1, *[1] * (p.dim() - 1)).expand_as(p)):
    """Owners from a function of the row, the parameter and G."""
    return lambda block, G: {name: shaped(owner(torch.arange(len(p)), p, G), p) for name, p in block.named_parameters()}


def contiguous(rows, p, G):
    return rows // (len(p) // G)


def by_what_is_read(block, G):
    owned = owners(block, G)
    for name, p in block.named_parameters():
        if p.dim() > 1:
            read = torch.arange(p.shape[1]) * G // p.shape[1]
            owned[name] = read.view(1, -1, 1, 1).expand_as(p)
    return owned


def by_its_groups(block, G):
    """Asks each layer for its `groups`, which is 1 where it reads all."""
    owned = {}
    for path, layer in block.named_modules():
        for name, p in layer.named_parameters(recurse=False):
            n = getattr(layer, "groups", G)
            rows = torch.arange(len(p)) * n // len(p)
            owned[f"{path}.{name}"] = rows.view(-1, *[1] * (p.dim() - 1)).expand_as(p)
    return owned


def in_groups_only(number):
    """Layers that read all channels are given to `number`."""
    def answer(block, G):
        owned = owners(block, G)
        for path, layer in block.named_modules():
            if getattr(layer, "groups", G) != G:
                owned[f"{path}.weight"] = torch.full_like(layer.weight, number, dtype=torch.long)
        return owned
    return answer


def only(keep):
    return lambda block, G: {name: owner for name, owner in owners(block, G).items() if keep(name, owner)}


def with_buffers(block, G):
    return owners(block, G) | {name: torch.zeros(len(b)) for name, b in block.named_buffers() if b.dim()}


def by_group(block, G):
    return {g: [name for name, _ in block.named_parameters()] for g in range(G)}


def by_autograd(block, G):
    """The solution of 10.1 in another style: measured."""
    first = next(layer for layer in block.modules() if hasattr(layer, "in_channels"))
    h = block(torch.randn(9, first.in_channels, 10, 10, dtype=first.weight.dtype))
    found = {name: torch.zeros(p.shape, dtype=torch.int32) for name, p in block.named_parameters()}
    for g, part in enumerate(h.chunk(G, dim=1)):
        block.zero_grad()
        part.sum().backward(retain_graph=True)
        for name, p in block.named_parameters():
            found[name][p.grad != 0] = g
    return found


def filled(block, G):
    """And again: slice by slice."""
    found = {name: torch.empty(p.shape, dtype=torch.uint8) for name, p in block.named_parameters()}
    for owner in found.values():
        for g, part in enumerate(owner.chunk(G)):
            part.fill_(g)
    return found


def term(vectors=None, length=lambda p: F.normalize(p, dim=-1), mean=None):
    """The solution of 10.2 with one of its choices made otherwise."""
    def answer(logits, y, T):
        if logits.shape[1] == 1:
            return logits.new_zeros(())
        wrong = F.one_hot(y, logits.shape[-1]).unsqueeze(1) == 0
        p = length(vectors(logits, wrong, T) if vectors else (logits / T).softmax(-1) * wrong)
        cosines = p @ p.transpose(1, 2)
        apart = ~torch.eye(p.shape[1], dtype=torch.bool)
        return mean(cosines, cosines[:, apart]) if mean else cosines[:, apart].mean()
    return answer


def centred(p, wrong, T):
    clear = (p / T).softmax(-1) * wrong
    return clear - clear.mean(-1, keepdim=True)


def likeliest_cleared(logits, wrong, T):
    p = (logits / T).softmax(-1)
    return p.masked_fill(p == p.amax(-1, keepdim=True), 0)


def cleared_in_place(logits, y, T):
    p = (logits / T).softmax(-1)
    p[torch.arange(len(y)), :, y] = 0
    p = F.normalize(p, dim=-1)
    pairs = [(p[:, g] * p[:, h]).sum(-1) for g in range(p.shape[1]) for h in range(g)]
    return torch.stack(pairs).mean() if pairs else p.new_zeros(())


def logits_cleared(logits, y, T):
    logits[torch.arange(len(y)), :, y] = -float("inf")
    return diversity(logits, y, T)


def without_lengths(logits, y, T):
    p = (logits / T).softmax(-1) * (F.one_hot(y, logits.shape[-1]) == 0).unsqueeze(1)
    return term(lambda *given: p / p.norm(dim=-1, keepdim=True).detach(), lambda p: p)(logits, y, T)


def one_of_each(logits, y, T):
    G = logits.shape[1]
    alone = [torch.where(torch.arange(G).view(1, G, 1) == g, logits, logits.detach()) for g in range(G)]
    return sum(diversity(each, y, T) for each in alone) / 2 - diversity(logits, y, T).detach() * (G / 2 - 1)


def not_for_one_group(logits, y, T):
    return term(mean=lambda every, apart: apart.mean())(logits, y, T) if logits.shape[1] > 1 else (
        torch.zeros(0).mean())


def over_the_batch(logits, y, T):
    p = (logits / T).softmax(-1) * (F.one_hot(y, logits.shape[-1]) == 0).unsqueeze(1)
    p, G = F.normalize(p.transpose(0, 1).flatten(1), dim=-1), logits.shape[1]
    return ((p @ p.T).sum() - G) / (G * (G - 1)) if G > 1 else p.new_zeros(())


def minus_infinity(logits, y, T):
    """The solution of 10.2 in another style: the true class never gets into the softmax."""
    true = F.one_hot(y, logits.shape[-1]).bool().unsqueeze(1)
    p = (logits / T).masked_fill(true, -float("inf")).softmax(-1)
    pairs = [F.cosine_similarity(p[:, g], p[:, h]) for g in range(p.shape[1]) for h in range(p.shape[1]) if g != h]
    return torch.stack(pairs).mean() if pairs else 0


def by_distances(logits, y, T):
    """And again: |p - q|^2 = 2 - 2 cos."""
    p = F.normalize((logits / T).exp() * (1 - F.one_hot(y, logits.shape[-1])).unsqueeze(1), dim=-1)
    pairs = torch.combinations(torch.arange(p.shape[1])).T
    if not pairs.numel():
        return torch.tensor(0)
    return 1 - (p[:, pairs[0]] - p[:, pairs[1]]).square().sum(-1).mean() / 2


def broken(h, G, share):
    """The listing of the chapter as it stands there."""
    own = h.shape[1] // G
    taken, seen = int(share * own), []
    for g in range(G):
        start, end = g * own, (g + 1) * own
        others = []
        for other in range(G):
            if other != g:
                start, end = other * own, other * own + taken
                others.append(h[:, start:end].detach())
        seen += [h[:, start:start + own], *others]
    return torch.cat(seen, dim=1)


def seen(own=lambda parts, g: parts[g], other=lambda part, taken: part[:, :taken].detach(),
         order=lambda own, before, after: [own, *before, *after], taken=int):
    """The solution of 10.3 with one of its choices made otherwise."""
    def answer(h, G, share):
        parts = h.chunk(G, dim=1)
        n, heads = taken(share * parts[0].shape[1]), []
        for g in range(G):
            before = [other(parts[k], n) for k in range(g)]
            after = [other(parts[k], n) for k in range(g + 1, G)]
            heads += order(own(parts, g), before, after)
        return torch.cat(heads, dim=1)
    return answer


def interleaved(h, G, share):
    own, heads = h.shape[1] // G, []
    for g in range(G):
        heads += [h[:, g::G], *(h[:, k::G][:, :int(share * own)].detach() for k in range(G) if k != g)]
    return torch.cat(heads, dim=1)


def in_place(h, G, share):
    with torch.no_grad():
        h.mul_(2)
    return mended(h, G, share)


def own_again(h, G, share):
    """Takes the first groups that come, its own among them, as others."""
    parts, heads = h.chunk(G, dim=1), []
    for g in range(G):
        heads += [parts[g], *(part[:, :int(share * parts[0].shape[1])].detach() for part in parts[:G - 1])]
    return torch.cat(heads, dim=1)


def by_index(h, G, share):
    """The solution of 10.3 in another style: one gather of channels."""
    own = h.shape[1] // G
    channels = torch.arange(G * own).view(G, own)
    heads = []
    for g in range(G):
        rest = channels[torch.arange(G) != g, :int(share * own)].flatten()
        heads += [h.index_select(1, channels[g]), h.detach().index_select(1, rest)]
    return torch.cat(heads, dim=1)


def renamed(h, G, share):
    """And again: the listing, its inner names changed."""
    own = h.shape[1] // G
    taken, heads = int(share * own), []
    for g in range(G):
        start, end = g * own, (g + 1) * own
        others = []
        for other in range(G):
            if other != g:
                others.append(h[:, other * own:other * own + taken].detach())
        heads += [h[:, start:end], *others]
    return torch.cat(heads, dim=1)


def exchanged(h, G, share):
    return groups.Exchange(h.shape[1], G, share)(h)


NUMBERS = 1, 2, 4, 8


def pick(cell=lambda m, h, G: (m + h) / G, over=max, final=lambda h, G: [h], needed=lambda K, G: K * G + (G > 1),
         first=lambda K, G: (G, K), strict=0):
    """The solution of 10.4 with one of its choices made otherwise."""
    def answer(budget, workers, costs):
        fit = []
        for K in NUMBERS:
            for G in NUMBERS:
                rows = costs(K, G)
                sizes = [cell(m, h, G) for m, h in rows[:K]]
                for _, h in rows[K:]:
                    sizes += final(h, G)
                if over(sizes) <= budget - strict and needed(K, G) <= workers - strict:
                    fit.append((K, G))
        return min(fit, key=lambda pair: first(*pair), default=None)
    return answer


def never_none(budget, workers, costs):
    return cells(budget, workers, costs) or (8, 8)


def nothing(budget, workers, costs):
    cells(budget, workers, costs)


WRONG = {
    "10.1": [(by_what_is_read, "the second dimension is what it reads"),
             (by_row(lambda rows, p, G: rows % G), "deal the rows out in turn"),
             (by_row(lambda rows, p, G: contiguous(rows, p, G) + 1), "you count groups from 1"),
             (by_row(lambda rows, p, G: G - 1 - contiguous(rows, p, G)), "you count from the last"),
             (by_row(lambda rows, p, G: rows // (16 // G)), "counted from p itself"),
             (by_row(lambda rows, p, G: (rows // 4).clamp(max=G - 1)), "counted from p itself"),
             (by_row(lambda rows, p, G: rows // G), "counted from p itself"),
             (by_row(contiguous, lambda rows, p: rows), "One number a row is the right idea"),
             (by_row(contiguous, lambda rows, p: rows.view(-1, *[1] * (p.dim() - 1))), "and so is its owners'"),
             (by_row(contiguous, lambda rows, p: rows.tolist()), "this is a list"),
             (by_row(contiguous, lambda rows, p: [slice(0, len(rows))]), "this is a list"),
             (by_row(lambda rows, p, G: contiguous(rows, p, G).float()), "integers; this is torch.float32"),
             (by_row(lambda rows, p, G: contiguous(rows, p, G) == 1), "integers; this is torch.bool"),
             (by_row(lambda rows, p, G: rows.roll(1) // (len(p) // G)), "the gradient that autograd sends there comes"),
             (only(lambda name, owner: "weight" in name), "of a BatchNorm2d, is missing"),
             (only(lambda name, owner: owner.dim() > 1), "of a BatchNorm2d, is missing"),
             (only(lambda name, owner: name != "0.bias"), "of a Conv2d, is missing"),
             (only(lambda name, owner: "shortcut" not in name), "of a Conv2d, is missing"),
             (by_its_groups, "you give all of it to group 0. This layer, too, writes 24 channels"),
             (in_groups_only(-1), "No entry is nobody's"), (in_groups_only(7), "you give all of it to group 7"),
             (with_buffers, "the keys are the names that"), (by_group, "the keys are the names that"),
             (lambda block, G: list(owners(block, G).values()), "return a dictionary")],
    "10.2": [(term(lambda l, wrong, T: (l / T).softmax(-1)), "The true class is still in it"),
             (term(lambda l, wrong, T: l.softmax(-1) * wrong), "The temperature is missing"),
             (term(lambda l, wrong, T: l.softmax(-1) / T * wrong), "The temperature is missing"),
             (term(lambda l, wrong, T: (l * T).softmax(-1) * wrong), "not multiplied"),
             (term(lambda l, wrong, T: l * wrong), "cosines of logits"),
             (term(lambda l, wrong, T: (l / T).log_softmax(-1) * wrong), "cosines of logarithms"),
             (term(lambda l, wrong, T: (l * wrong / T).softmax(-1)), "logit to zero"),
             (term(lambda l, wrong, T: (l / T).softmax(1) * wrong), "the softmax goes over classes"),
             (term(likeliest_cleared), "and should the true one"), (term(centred), "a correlation"),
             (term(length=lambda p: F.normalize(p)), "a length goes over classes"),
             (term(length=lambda p: F.normalize(p, p=1, dim=-1)), "Your vectors sum to 1"),
             (term(length=lambda p: p), "divide each vector by its length"),
             (term(mean=lambda every, apart: every.mean()), "a group with itself"),
             (term(mean=lambda every, apart: every.sum() / len(apart) / apart.shape[1]), "a group with itself"),
             (term(mean=lambda every, apart: apart.mean(1).sum()), "You add up over samples: "),
             (term(mean=lambda every, apart: apart.sum(1).mean()), "You add up over pairs: "),
             (term(mean=lambda every, apart: every.triu(1).sum() / len(every)), "You add up over pairs: "),
             (term(mean=lambda every, apart: apart.sum()), "You add up over samples and pairs: "),
             (term(mean=lambda every, apart: apart.sum() / every.numel()), "those of a group with itself are none"),
             (term(mean=lambda every, apart: every.triu(1).sum() / apart.numel()), "half of what it should be"),
             (term(mean=lambda every, apart: apart.mean() * 2), "twice what it should be"),
             (term(mean=lambda every, apart: 1 - apart.mean()), "1 - cosine"),
             (term(mean=lambda every, apart: -apart.mean()), "sign is turned"),
             (term(mean=lambda every, apart: apart.mean(1)), "return one number"),
             (term(mean=lambda every, apart: apart.mean() / 0), "divided by zero"),
             (term(mean=lambda every, apart: apart.mean() / 7), "Per sample and pair"),
             (over_the_batch, "take one a sample"),
             (lambda *given: diversity(*given).detach(), "has no gradient"),
             (lambda *given: diversity(*given).item(), "which carries the gradient"),
             (without_lengths, "such as a length, is detached"), (one_of_each, "Of every pair you detach one"),
             (not_for_one_group, "G = 1: one group has no other"), (cleared_in_place, "without an underscore"),
             (logits_cleared, "the logits changed in place")],
    "10.3": [(broken, "train 001 001 010; it should be 100 010 001. The head of g = 0 trains the channels of g = 2"),
             (seen(own=lambda parts, g: parts[g - 1]), "and not its own"),
             (seen(own=lambda parts, g: parts[max(0, g - 1)]), "and not its own; no head trains those of g = 2"),
             (seen(own=lambda parts, g: parts[g].detach()), "No head trains anything"),
             (seen(other=lambda part, taken: part[:, :taken]), "Every head trains every group"),
             (seen(order=lambda own, before, after: [*before, own, *after]), "its own come first"),
             (seen(order=lambda own, before, after: [own, *after, *before]), "lower groups come first"),
             (seen(other=lambda part, taken: part[:, part.shape[1] - taken:].detach()), "the first 2 channels"),
             (seen(other=lambda part, taken: part.detach()), "the shape is to be"),
             (seen(taken=round), "int(share * 3) = 1 of each other group"),
             (interleaved, "trains channels 0 3 6 9; its own are 0 1 2 3"),
             (seen(own=lambda parts, g: torch.cat([parts[g][:, :1], parts[g][:, 1:].detach()], dim=1)),
              "of its own channels, 0 1 2 3, the head of g = 0 trains 0 alone"),
             (seen(own=lambda parts, g: parts[g] if g else parts[g].detach()), "g = 0 trains no channel"),
             (seen(other=lambda part, taken: torch.cat([part[:, :1], part.detach()[:, 1:taken]], dim=1)
                   if taken else part[:, :0]), "Every head trains every group"),
             (own_again, "not the head's own again"),
             (seen(other=lambda part, taken: part[:, :taken].detach() / 2), "values that are no channel of h"),
             (seen(own=lambda parts, g: 2 * parts[g] - parts[g].detach()), "untouched"),
             (lambda *given: mended(*given).float(), "what comes back torch.float32"), (in_place, "h changed"),
             (lambda h, G, share: mended(h, G, share).unflatten(1, (G, -1)), "the shape is to be"),
             (lambda h, G, share: list(mended(h, G, share).chunk(G, dim=1)), "return one tensor"),
             (lambda h, G, share: h, "the shape is to be")],
    "10.4": [(pick(cell=lambda m, h, G: m / G), "A worker computes its head too"),
             (pick(cell=lambda m, h, G: m + h), "each worker has one G-th"),
             (pick(cell=lambda m, h, G: (m + h) / G**2), "You divide by G twice"),
             (pick(cell=lambda m, h, G: m / G + h), "and not its heads"),
             (pick(cell=lambda m, h, G: m + h / G), "and not the module"), (pick(over=sum), "You add up all workers"),
             (pick(over=sum, final=lambda h, G: []), "You add up all workers"),
             (pick(over=lambda sizes: sum(sizes) / len(sizes)), "the largest worker has to fit"),
             (pick(cell=lambda m, h, G: h / G), "not the head alone"),
             (pick(over=min), "the largest, a cell of module 2, 14,296,320 MACs"),
             (pick(final=lambda h, G: []), "one worker's whole task"),
             (pick(final=lambda h, G: [h / G]), "not divided by G"),
             (pick(needed=lambda K, G: K * G), "needs a worker besides"),
             (pick(needed=lambda K, G: K * G + 1), "Without groups there is no final head"),
             (pick(strict=1), "What fits exactly"), (pick(first=lambda K, G: (K * G, G)), "the fewest workers"),
             (pick(first=lambda K, G: (K, G)), "the smallest K first"),
             (pick(first=lambda K, G: (-G, K)), "the largest G"), (pick(first=lambda K, G: (G, -K)), "the largest K"),
             (pick(first=lambda K, G: (-K * G, G)), "the most workers"), (never_none, "Nothing fits: return None"),
             (nothing, "does your last line begin"), (lambda *given: (3, 2), "both of 1, 2, 4, 8"),
             (lambda *given: 8, "return (K, G)"),
             (lambda *given: cells(*given) and cells(*given)[::-1], "It does not fit: it takes 9 workers")],
}
