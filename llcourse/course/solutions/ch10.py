"""Solutions of chapter 10."""

import torch
import torch.nn.functional as F

SOLUTIONS = {"10.1": "owners", "10.2": "diversity", "10.3": "mended", "10.4": "cells"}


def owners(block, G):
    owned = {}
    for name, p in block.named_parameters():
        rows = torch.arange(len(p)) * G // len(p)  # of the channels that it writes
        owned[name] = rows.view(-1, *[1] * (p.dim() - 1)).expand_as(p)
    return owned


def diversity(logits, y, T):
    batch, G, classes = logits.shape
    if G == 1:
        return logits.new_zeros(())
    p = (logits / T).softmax(dim=-1) * (F.one_hot(y, classes) == 0).unsqueeze(1)
    p = F.normalize(p, dim=-1)
    cosines = p @ p.transpose(1, 2)  # (batch, G, G), ones on the diagonal
    return (cosines.sum() - cosines.diagonal(dim1=1, dim2=2).sum()) / (batch * G * (G - 1))


def mended(h, G, share):
    parts, seen = h.chunk(G, dim=1), []
    taken = int(share * parts[0].shape[1])
    for g in range(G):
        others = [parts[other][:, :taken].detach() for other in range(G) if other != g]
        seen += [parts[g], *others]
    return torch.cat(seen, dim=1)


def cells(budget, workers, costs):
    for G in (1, 2, 4, 8):
        for K in (1, 2, 4, 8):
            rows = costs(K, G)
            of_cells = [(module + head) / G for module, head in rows[:K]]
            final = [head for _, head in rows[K:]]
            if max(of_cells + final) <= budget and K * G + len(final) <= workers:
                return K, G
    return None
