"""Wrong answers to the exercises of chapter 09, each with words that its message must hold."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from llcourse import context
from llcourse.course.solutions.ch09 import mended, pays_off, reconstruction, weights


def maps(values):
    return values.view(-1, 1, 1)


def term(pixels=lambda image, mean, std: image * std + mean, loss=F.binary_cross_entropy_with_logits,
         made=lambda decoder, h: decoder(h)):
    """The solution of 9.1 with one of its choices made otherwise."""
    return lambda decoder, h, image, mean, std: loss(made(decoder, h), pixels(image, maps(mean), maps(std)))


def by_hand(z, p):
    s = z.sigmoid()
    return -(p * s.log() + (1 - p) * (1 - s).log()).mean()


def with_nan(z, p):
    """0 log 0."""
    s = z.sigmoid()
    return -(torch.where(p > 2, p, s).log() * p + (1 - p) * (1 - s).log() + 0 * (1 - s).log()).mean()


def clamped(z, p):
    return F.binary_cross_entropy(z.sigmoid().clamp(1e-7, 1 - 1e-7), p)


def plain_mean(decoder, h, image, mean, std):
    return F.binary_cross_entropy_with_logits(decoder(h), image * std + mean)


def one_column(decoder, h, image, mean, std):
    return F.binary_cross_entropy_with_logits(decoder(h), image * std.view(-1, 1, 1, 1) + mean.view(-1, 1, 1, 1))


def in_place(decoder, h, image, mean, std):
    return F.binary_cross_entropy_with_logits(decoder(h), image.mul_(maps(std)).add_(maps(mean)))


def asking(decoder, h, image, mean, std):
    return reconstruction(decoder, h, image.requires_grad_(), mean, std)


def no_graph(decoder, h, image, mean, std):
    with torch.no_grad():
        made = decoder(h)
    return F.binary_cross_entropy_with_logits(made.requires_grad_(), image * maps(std) + maps(mean))


def decoder_held(decoder, h, image, mean, std):
    """Reads the decoder's weights without their graph."""
    held = {name: p.detach() for name, p in decoder.named_parameters()}
    made = torch.func.functional_call(decoder, held, (h,))
    return F.binary_cross_entropy_with_logits(made, image * maps(std) + maps(mean))


def half(decoder, h, image, mean, std):
    right = reconstruction(decoder, h, image, mean, std)
    return right / 2 + right.detach() / 2


def without_decoder(decoder, h, image, mean, std):
    return F.binary_cross_entropy_with_logits(image, image * maps(std) + maps(mean))


def by_softplus(decoder, h, image, mean, std):
    """The solution of 9.1 in another style: log s = -softplus(-z)."""
    z, p = decoder(h), torch.stack([image[:, c] * std[c] + mean[c] for c in range(3)], dim=1)
    return (p * F.softplus(-z) + (1 - p) * F.softplus(z)).sum() / z.numel()


def by_logsigmoid(decoder, h, image, mean, std):
    """And again."""
    z = decoder(h)
    p = torch.addcmul(mean[None, :, None, None], image, std[None, :, None, None]).clamp(0, 1).detach()
    return -(p * F.logsigmoid(z) + (1 - p) * F.logsigmoid(-z)).flatten(1).mean(1).mean()


def line(share=lambda k, K: k / (K - 2) if K > 2 else 0, count=lambda K: K - 1,
         pair=lambda a, b, s: (a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1])), order=list):
    """The solution of 9.2 with one of its choices made otherwise."""
    return lambda first, last, K: order([pair(first, last, share(k, K)) for k in range(count(K))])


def only_for_two(answer):
    """Wrong at K = 2 alone."""
    return lambda first, last, K: answer(first, last) if K == 2 else weights(first, last, K)


def by_linspace(first, last, K):
    """The solution of 9.2 in another style: of float32, with a row a border."""
    return torch.stack([torch.linspace(a, b, K - 1) for a, b in zip(first, last)], dim=1)


def by_adding(first, last, K):
    """And again: step by step."""
    pairs = [np.array(first)]
    for _ in range(K - 2):
        pairs.append(pairs[-1] + (np.array(last) - np.array(first)) / (K - 2))
    return pairs


def supplied(up=lambda h: h.detach(), image=lambda E, x: E(x), around=lambda R, below: R(below.detach()),
             give=lambda module, given: module(given), keep=lambda h, given: given, add=lambda h, parts: sum(parts, h),
             shown=lambda h, given: h):
    """The solution of 9.3 with one of its choices made otherwise."""
    def answer(modules, E, R, x):
        outputs, h, below = [], x, None
        for module, encoder, shortcut in zip(modules, E, R):
            h, parts = up(h), []
            if encoder is not None:
                parts.append(image(encoder, x))
            if shortcut is not None:
                parts.append(around(shortcut, below))
            given = add(h, [part for part in parts if part is not None])
            below = keep(h, given)
            h = give(module, given)
            outputs.append(shown(h, given))
        return outputs
    return answer


def broken(modules, E, R, image):
    """The listing of the chapter as it stands there."""
    outputs, h, below = [], image, None
    for j, module in enumerate(modules):
        given = h.detach()
        if E[j] is not None:
            given = given + E[j](image)
        if R[j] is not None:
            given = given + R[j](below)
        below, h = given, module(given)
        outputs.append(h)
    return outputs


def written_into(h, parts):
    for part in parts:
        h += part
    return h


def image_changed(modules, E, R, image):
    outputs = mended(modules, E, R, image)
    image.zero_()
    return outputs


def own_input(modules, E, R, image):
    """The shortcut reads what it is to supply."""
    outputs, h = [], image
    for module, encoder, shortcut in zip(modules, E, R):
        given = h.detach()
        if encoder is not None:
            given = given + encoder(image)
        if shortcut is not None:
            given = given + shortcut(given.detach())
        h = module(given)
        outputs.append(h)
    return outputs


def encoders_once(modules, E, R, image):
    with torch.no_grad():
        for encoder in filter(None, E):
            encoder(image)
    return mended(modules, E, R, image)


def steps_taken(modules, E, R, image):
    outputs = mended(modules, E, R, image)
    sum(out.square().sum() for out in outputs).backward()
    return outputs


def shared_below(modules, E, R, image):
    """Of the shortcuts the first alone detaches."""
    first = [shortcut for shortcut in R if shortcut is not None][:1]
    return supplied(around=lambda R, below: R(below.detach() if R in first else below))(modules, E, R, image)


def by_supplied(modules, E, R, image):
    """The solution of 9.3 in another style: the package's module, which is called with leaves."""
    outputs, h, below = [], image, None
    for j, module in enumerate(modules):
        supply = {"image": E[j]} if E[j] is not None else {}
        read = [image] if supply else []
        if R[j] is not None:
            supply, read = supply | {"input": R[j]}, [*read, below.clone().detach().requires_grad_()]
        cell = context.Supplied(module, supply, shows=True)
        h, below = cell(h.detach().requires_grad_(), *read)
        outputs.append(h)
    return tuple(outputs)


def into_a_copy(modules, E, R, image):
    """And again: a copy may be written into."""
    return supplied(up=lambda h: h.detach().clone(), add=written_into)(modules, E, R, image)


def at_the_border(modules, E, R, image):
    """And again: what goes up is detached where it is kept."""
    return supplied(keep=lambda h, given: given.detach(), around=lambda R, below: R(below))(modules, E, R, image)


KINDS = "module", "encoder", "shortcut", "head", "decoder", "classifier"
STAY = "module", "encoder", "shortcut", "classifier"


def even(stay=STAY, learn=KINDS, factor=3, serve=1, up=math.ceil, least=0,
         otherwise=lambda saved, owed: 0 if saved == 0 and owed <= 0 else math.inf, per=lambda n: n):
    """The solution of 9.4 with one of its choices made otherwise."""
    def answer(a, b, trained):
        t, i = ([sum(macs for kind, _, macs in of if kind in kinds) for of in (a, b)] for kinds in (learn, stay))
        owed, saved = factor * per(trained) * (t[0] - t[1]), serve * (i[1] - i[0])
        return max(least, up(owed / saved)) if saved > 0 else otherwise(saved, owed)
    return answer


def without(*gone):
    return tuple(kind for kind in KINDS if kind not in gone)


def divided(a, b, trained):
    costs = [[sum(m for kind, _, m in of if kind in kinds) for of in (a, b)] for kinds in (KINDS, STAY)]
    n = 3 * trained * (costs[0][0] - costs[0][1]) / (costs[1][1] - costs[1][0])
    return max(0, math.ceil(n)) if costs[1][1] > costs[1][0] else math.inf if n > 0 else 0


def by_search(a, b, trained):
    """The solution of 9.4 in another style: totals compared, by halving."""
    def total(parts, n):
        stays = sum(part[2] for part in parts if part[0] in STAY)
        return 3 * trained * sum(part[2] for part in parts) + n * stays

    most = 10**18
    if total(a, most) > total(b, most) or (total(a, most) == total(b, most) and total(a, 0) > total(b, 0)):
        return np.inf
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if total(a, middle) <= total(b, middle) else (middle + 1, high)
    return torch.tensor(low, dtype=torch.float64)


WRONG = {
    "9.1": [(term(lambda image, mean, std: image), "as the network saw it, normalised"),
            (term(lambda image, mean, std: (image - mean) / std), "normalise it a second time"),
            (term(lambda image, mean, std: image * mean + std), "you multiply by mean and add std"),
            (term(lambda image, mean, std: image - mean / std), "divides only the mean"),
            (term(lambda image, mean, std: image / std + mean), "you divide by it"),
            (term(lambda image, mean, std: image * std - mean), "you subtract it"),
            (term(lambda image, mean, std: (image + mean) * std), "the other way round"),
            (term(lambda image, mean, std: image * std), "The mean is not added"),
            (term(lambda image, mean, std: image + mean), "not multiplied by std"),
            (term(lambda image, mean, std: image * std[0] + mean[0]), "you take the first ones for all"),
            (term(lambda image, mean, std: image * std.mean() + mean.mean()), "you take their means for all"),
            (term(lambda image, mean, std: 255 * (image * std + mean)), "not to 255"),
            (term(lambda image, mean, std: (image * std + mean).sigmoid()), "The target is no logit"),
            (plain_mean, "give them the shape (3, 1, 1)"), (one_column, "give them the shape (3, 1, 1)"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z, p, reduction="sum")), "That is the sum"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z, p, reduction="sum") / len(z)),
             "add up over an image's pixels"),
            (term(loss=lambda z, p: 3 * F.binary_cross_entropy_with_logits(z, p)), "You add up over channels"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z, p, reduction="none")), "return one number"),
            (term(loss=lambda z, p: F.mse_loss(z.sigmoid(), p)), "mean squared error"),
            (term(loss=F.mse_loss), "a squared error, and of logits"),
            (term(loss=lambda z, p: F.l1_loss(z.sigmoid(), p)), "mean absolute error"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z.sigmoid(), p)), "You take the sigmoid twice"),
            (term(loss=F.binary_cross_entropy), "are these logits"),
            (term(lambda image, mean, std: image, lambda z, p: F.binary_cross_entropy(z.sigmoid(), p)),
             "a normalised image?"),
            (term(loss=lambda z, p: -F.binary_cross_entropy_with_logits(z, p)), "Its sign is turned"),
            (term(loss=lambda z, p: -(p * F.logsigmoid(z)).mean()), "(1 - p) log(1 - s) is the other"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(p, z)), "the logits come first"),
            (term(loss=lambda z, p: F.binary_cross_entropy(p, z.sigmoid())), "what the decoder makes comes first"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z, p) / math.log(2)), "counted in bits"),
            (term(lambda image, mean, std: image, lambda z, p: F.binary_cross_entropy_with_logits(z.sigmoid(), p)),
             "image * std + mean. You take the sigmoid twice"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z, p) / 7), "With p the pixel"),
            (term(loss=lambda z, p: F.binary_cross_entropy_with_logits(z, p) / 0), "divided by it"),
            (term(loss=by_hand), "a logarithm is taken of 0"), (term(loss=with_nan), "a logarithm is taken of 0"),
            (term(loss=lambda z, p: F.binary_cross_entropy(z.sigmoid(), p)), "takes no logarithm below -100"),
            (term(loss=clamped), "Something cuts the loss off"),
            (term(made=lambda decoder, h: decoder(h.detach())), "which learns nothing so. Detach neither h"),
            (lambda *given: reconstruction(*given).detach(), "Leave out detach"),
            (lambda *given: reconstruction(*given).item(), "which carries the gradient"),
            (no_graph, "no gradient reaches h"), (decoder_held, "no gradient reaches the decoder"),
            (half, "the gradient of h is not"), (in_place, "the image changed in place"),
            (asking, "the image asks for a gradient now"), (without_decoder, "the decoder never ran")],
    "9.2": [(line(count=lambda K: K), "K = 4 pairs, one a module"),
            (line(lambda k, K: k / (K - 1), lambda K: K), "K = 4 pairs, one a module"),
            (line(count=lambda K: K - 2), "K - 1 = 3 borders, and each a pair; you return 2"),
            (line(lambda k, K: k / (K - 1)), "you make K - 1 = 3 of them"),
            (line(lambda k, K: k / K), "you make K = 4 of them"),
            (line(lambda k, K: (k + 1) / (K - 1)), "count the steps from it"),
            (line(lambda k, K: (k + 1) / K), "count the steps from it"),
            (line(lambda k, K: k / (K - 2)), "you divide by zero: return its weights, [first]"),
            (line(lambda k, K: k / max(K - 2, 1e-9) + 1e-3), "border 1 has"),
            (line(lambda k, K: float(np.float64(k) / np.float64(K - 2)) if K > 2 else math.nan), "K - 2 is 0"),
            (only_for_two(lambda first, last: [last]), "take the weights `first`"),
            (only_for_two(lambda first, last: [first, last]), "it is one pair: [first]"),
            (only_for_two(lambda first, last: first), "a list of one pair, [first]"),
            (only_for_two(lambda first, last: []), "a list of one pair, [first]"),
            (only_for_two(lambda first, last: [[(a + b) / 2 for a, b in zip(first, last)]]), "nothing between"),
            (line(pair=lambda a, b, s: a[0] + s * (b[0] - a[0])), "these are l1 alone"),
            (line(pair=lambda a, b, s: a[1] + s * (b[1] - a[1])), "these are l2 alone"),
            (line(pair=lambda a, b, s: (a[0] + s * (b[0] - a[0]), a[1])), "l2 lies on a line too"),
            (line(pair=lambda a, b, s: (a[0] + s * (b[0] - a[0]), b[1])), "l2 lies on a line too"),
            (line(pair=lambda a, b, s: (a[0], a[1] + s * (b[1] - a[1]))), "l1 lies on a line too"),
            (line(pair=lambda a, b, s: (a[1] + s * (b[1] - a[1]), a[0] + s * (b[0] - a[0]))), "these are (l2, l1)"),
            (line(pair=lambda a, b, s: 2 * (a[0] + s * (b[0] - a[0]),)), "each has a line of its own"),
            (line(pair=lambda a, b, s: tuple(int(x + s * (y - x)) for x, y in zip(a, b))), "no whole numbers"),
            (line(pair=lambda a, b, s: tuple(round(x + s * (y - x)) for x, y in zip(a, b))), "no whole numbers"),
            (line(lambda k, K: k // (K - 2) if K > 2 else 0), "a border's place is rounded"),
            (line(order=lambda pairs: pairs[::-1]), "the order is reversed"),
            (line(order=lambda pairs: list(zip(*pairs))), "zip(l1, l2)"),
            (line(lambda k, K: 0), "the weights shift from it"),
            (line(lambda k, K: float(K > 2 and k == K - 2)), "/ and not //"),
            (line(lambda k, K: (k / (K - 2)) ** 2 if K > 2 else 0), "border 2 has (3.5, 1)"),
            (line(pair=lambda a, b, s: (a[0], a[1], s)), "each border has a pair"),
            (lambda *given: dict(enumerate(weights(*given))), "this holds a dict"),
            (lambda first, last, K: (first[0] + last[0]) / 2, "return a list of K - 1 pairs")],
    "9.3": [(broken, "a column the encoder of each module from 2 on, losses train 000 100 110 111; it should be 000 "
                     "100 010 001. Loss 3 trains the encoder of module 2 too. Which part of module 3 reads something"),
            (shared_below, "000 100 010 011; it should be 000 100 010 001. Loss 4 trains the encoder of module 3"),
            (supplied(up=lambda h: h), "losses train 1000 1100 1110 1111; it should be 1000 0100 0010 0001. Loss 2 "
                                       "trains module 1 too. Features go up detached"),
            (supplied(give=lambda module, given: module(given.detach())), "No loss trains any encoder: detach what"),
            (supplied(image=lambda E, x: E(x).detach()), "No loss trains any encoder"),
            (supplied(around=lambda R, below: R(below).detach()), "No loss trains any shortcut"),
            (supplied(shown=lambda h, given: h.detach()), "No loss trains any module"),
            (supplied(add=written_into), "Did `+=` write into it?"),
            (supplied(image=lambda E, x: None), "the encoder of module 2 runs 0 times; it should once"),
            (supplied(around=lambda R, below: None), "the shortcut of module 3 runs 0 times"),
            (supplied(image=lambda E, x: 0 * E(x)), "the features alone"),
            (supplied(around=lambda R, below: 0 * R(below)), "what its shortcut makes is not added"),
            (supplied(add=lambda h, parts: h + 0 * sum(parts)), "the features alone"),
            (supplied(add=lambda h, parts: sum(parts) if parts else h), "its supply alone"),
            (supplied(add=lambda h, parts: sum(parts, h) / 2), "module 1 is given something else than the image"),
            (supplied(add=lambda h, parts: sum(parts, h) / (1 + len(parts))),
             "is given something else than h + E(image)"),
            (supplied(keep=lambda h, given: h), "a shortcut that reads features of module 1"),
            (supplied(image=lambda E, x: 2 * E(x) - E(x).detach()), "runs 2 times; it should once, or its BatchNorm"),
            (supplied(image=lambda E, x: (e := E(x)) * 2 - e.detach()), "another gradient for the encoder of module 2"),
            (own_input, "a part is given another width"), (encoders_once, "the encoder of module 2 runs 2 times"),
            (image_changed, "the image changed in place"), (steps_taken, "leave `backward` to the caller"),
            (supplied(shown=lambda h, given: given), "entry 1 of your list is not the output of module 1"),
            (supplied(shown=lambda h, given: None), "this has 4 entries, each a NoneType"),
            (lambda *given: mended(*given)[-1], "return the list of the 4 modules' outputs; this is a Tensor"),
            (lambda *given: mended(*given)[1:], "this has 3 entries")],
    "9.4": [(even(stay=without("decoder")), "Heads of modules below the last only train"),
            (even(stay=KINDS), "Heads of modules below the last only train"),
            (even(stay=without("head")), "Decoders only train"),
            (even(stay=without("head", "decoder", "classifier")), "it is the one head that stays"),
            (even(stay=("module", "classifier")), "Encoders and shortcuts feed"),
            (even(stay=("module",)), "Encoders and shortcuts feed"),
            (even(stay=without("head", "decoder", "encoder")), "Encoders feed the modules"),
            (even(stay=without("head", "decoder", "shortcut")), "Shortcuts feed the modules"),
            (even(learn=without("head")), "there is work in heads as well"),
            (even(learn=without("decoder")), "there is work in decoders as well"),
            (even(learn=STAY), "there is work in heads and decoders as well"),
            (even(learn=("module",)), "heads, decoders and supplies as well"),
            (even(learn=without("encoder", "shortcut")), "there is work in encoders and shortcuts as well"),
            (even(factor=1), "you take the same for both"), (even(factor=2), "three times, not two"),
            (even(serve=3), "you take the same for both"), (even(per=lambda n: 1), "images are paid for, not one"),
            (even(up=math.floor), "You round down"), (even(up=round), "You round to the nearest"),
            (even(up=lambda n: math.floor(n) + 1), "one image less"), (even(up=float), "round up"),
            (even(least=-math.inf), "it is at least 0"), (even(otherwise=lambda saved, owed: 0), "Look at each sign"),
            (even(otherwise=lambda saved, owed: math.inf), "Look at each sign"),
            (even(otherwise=lambda saved, owed: 0 if owed <= 0 else math.inf), "Look at each sign"),
            (even(otherwise=lambda saved, owed: 0 if saved == 0 else math.inf), "Look at each sign"),
            (divided, "you divide by the difference"), (lambda a, b, n: pays_off(b, a, n), "have changed places"),
            (even(otherwise=lambda saved, owed: math.nan), "return one number of images"),
            (lambda *given: [pays_off(*given)], "return one number of images"),
            (lambda a, b, trained: trained, "costs 825 MACs an image in training, 203 at inference")],
}
