"""Solutions of chapter 09."""

import math

import torch.nn.functional as F

SOLUTIONS = {"9.1": "reconstruction", "9.2": "weights", "9.3": "mended", "9.4": "pays_off"}


def reconstruction(decoder, h, image, mean, std):
    pixels = image * std.view(-1, 1, 1) + mean.view(-1, 1, 1)
    return F.binary_cross_entropy_with_logits(decoder(h), pixels)


def weights(first, last, K):
    shares = [k / (K - 2) if K > 2 else 0 for k in range(K - 1)]
    return [tuple((1 - share) * a + share * b for a, b in zip(first, last)) for share in shares]


def mended(modules, E, R, image):
    outputs, h, below = [], image, None
    for j, module in enumerate(modules):
        given = h.detach()
        if E[j] is not None:
            given = given + E[j](image)
        if R[j] is not None:
            given = given + R[j](below.detach())  # its graph leads into the supply of the module below
        below, h = given, module(given)
        outputs.append(h)
    return outputs


def pays_off(a, b, trained):
    def training(parts):
        return 3 * sum(macs for _, _, macs in parts)

    def inference(parts):
        return sum(macs for kind, _, macs in parts if kind not in ("head", "decoder"))

    owed = trained * (training(a) - training(b))
    saved = inference(b) - inference(a)
    if saved > 0:
        return max(0, math.ceil(owed / saved))
    return 0 if saved == 0 and owed <= 0 else math.inf
