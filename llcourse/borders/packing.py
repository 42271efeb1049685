"""Indices as bits: a row of n indices below 2 ** width takes n * width bits, filled up to whole bytes."""

import torch

WIDTHS = range(1, 17)


def pack(indices, width):
    """(rows, n) integers in 0 ... 2 ** width - 1 as uint8 (rows, ceil(n * width / 8)).

    Raises ValueError for a width that is not 1 to 16.

    >>> pack(torch.tensor([[1, 2, 3]]), 2).tolist()  # bits 10 01 11, lowest first
    [[57]]
    """
    _check(width)
    if width == 8:
        return indices.to(torch.uint8)
    spread = (indices.unsqueeze(-1) >> torch.arange(width, device=indices.device)) & 1
    bits = torch.nn.functional.pad(spread.flatten(1), (0, -indices.shape[1] * width % 8))
    weights = 1 << torch.arange(8, device=indices.device)
    return (bits.unflatten(1, (-1, 8)) * weights).sum(-1).to(torch.uint8)


def unpack(packed, width, n):
    """The (rows, n) int64 indices that `pack` packed."""
    _check(width)
    if width == 8:
        return packed.long()
    bits = (packed.unsqueeze(-1) >> torch.arange(8, device=packed.device, dtype=torch.uint8)) & 1
    spread = bits.flatten(1)[:, : n * width].unflatten(1, (n, width)).long()
    return (spread << torch.arange(width, device=packed.device)).sum(-1)


def nbytes(n, width):
    """Bytes of one packed row."""
    return -(-n * width // 8)


def _check(width):
    if width not in WIDTHS:
        raise ValueError(f"indices of {width} bits: a width is 1 to 16")
