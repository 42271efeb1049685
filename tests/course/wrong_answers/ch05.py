"""Wrong answers to the exercises of chapter 05, each with words that its message must hold."""

import math

import numpy as np
import torch

from llcourse.course.solutions.ch05 import design
from llcourse.course.solutions.ch05 import update as right


def update(codebook, counts, sums, pixels, indices, decay, fault=""):
    """One update of the codebook, with the fault that its name says."""
    Kc, old = len(codebook), codebook.clone()
    used = torch.bincount(indices, minlength=Kc).to(pixels.dtype)
    total = torch.zeros_like(sums).index_add(0, indices, pixels)
    means = total / used.clamp(min=1)[:, None]
    new = (1 - decay) * (means if fault == "mean of sums" else total)
    if fault == "once":
        new = torch.zeros_like(sums)
        new[indices] += (1 - decay) * pixels
    was_counts, was_sums = counts, sums
    counts, sums = decay * counts + (1 - decay) * used, decay * sums + new
    if fault == "swapped":
        counts, sums = (1 - decay) * was_counts + decay * used, (1 - decay) * was_sums + decay * total
    if fault == "adds":
        counts, sums = was_counts + used, was_sums + total
    if fault == "grows":
        counts, sums = decay * was_counts + used, decay * was_sums + total
    if fault == "batch alone":
        counts, sums = used, total
    if fault == "all stays":
        counts, sums = torch.where(used > 0, counts, was_counts), torch.where((used > 0)[:, None], sums, was_sums)
    if fault == "counts stay":
        counts = was_counts
    n, divisor = counts.sum(), counts
    if fault != "raw":
        divisor = (counts + 1e-5) / (n + Kc * 1e-5) * n
    if fault == "shares":
        divisor = (counts + 1e-5) / (n + Kc * 1e-5)
    if fault == "added":
        divisor = counts + 1e-5
    moved = sums / divisor[:, None]
    if fault == "k-means":
        moved = means
    if fault == "codes averaged":
        moved = decay * old + (1 - decay) * means
    if fault == "codes stay":
        moved = old
    if fault == "odd":
        moved = 2 * moved
    return moved if fault == "unused move" else torch.where((used > 0)[:, None], moved, old), counts, sums


def with_fault(fault):
    return lambda *given: update(*given, fault=fault)


def in_place(codebook, counts, sums, pixels, indices, decay):
    """Right, and what it was given is changed."""
    for there, new in zip((codebook, counts, sums), right(codebook, counts, sums, pixels, indices, decay)):
        there.copy_(new)
    return codebook, counts, sums


def unused_at_zero(codebook, counts, sums, pixels, indices, decay):
    """Only the code that nobody ever used moves: to the origin."""
    codes, counts, sums = right(codebook, counts, sums, pixels, indices, decay)
    return torch.where((counts > 0)[:, None], codes, 0), counts, sums


def other_order(*given):
    codebook, counts, sums = right(*given)
    return counts, sums, codebook


def without_minlength(*given):
    codebook, counts, sums = right(*given)
    return codebook, counts[:4], sums


def weighs(codes=lambda n, width: -(-n * width // 8), book=lambda C, Kc, D: 4 * C * Kc, numbers=None, width=None):
    """A formula for the message, a part of it replaced."""
    def answer(C, H, W, batch, Kc, D):
        n = numbers(C, H, W, D) if numbers else C * H * W // D
        return batch * codes(n, width(Kc) if width else (Kc - 1).bit_length()) + book(C, Kc, D)
    return answer


def all_at_once(C, H, W, batch, Kc, D):
    return -(-batch * (C * H * W // D) * (Kc - 1).bit_length() // 8) + 4 * C * Kc


def one_setting(*setting):
    return lambda borders, room: [setting] * 3


def for_the_first_room(borders, room):
    return [(128, 16), (128, 16), (64, 4)] if room == 128 * 1024 else [(256, 1)] * 3


WRONG = {
    "5.1": [(with_fault("swapped"), "decay is the weight of what was there"),
            (with_fault("adds"), "forgets nothing"), (with_fault("grows"), "grows without end"),
            (with_fault("batch alone"), "that is the batch alone"), (with_fault("counts stay"), "counts, at decay 0.9"),
            (with_fault("all stays"), "its count and its sum decay all the same"),
            (with_fault("once"), "+= at an index counts them once"),
            (with_fault("mean of sums"), "far too near to zero"),
            (with_fault("raw"), "not smoothed"), (with_fault("shares"), "shares that sum to 1"),
            (with_fault("added"), "no longer sum to n"), (with_fault("k-means"), "a step of k-means"),
            (with_fault("codes averaged"), "it averages codes"), (with_fault("codes stay"), "no code has moved"),
            (with_fault("odd"), "a code is its new sum over"),
            (with_fault("unused move"), "code 4 got no pixel"), (unused_at_zero, "code 5 got no pixel"),
            (unused_at_zero, "to the origin"), (other_order, "the order is (codebook, counts, sums)"),
            (without_minlength, "a code that no pixel chose"), (lambda *given: right(*given)[0], "got a Tensor"),
            (lambda *given: right(*given)[:2], "got a tuple of 2"),
            (lambda *given: (*right(*given)[:2], 1.0), "sums is a float")],
    "5.2": [(weighs(book=lambda C, Kc, D: 0), "The codebook is missing"),
            (lambda C, H, W, batch, Kc, D: batch * weighs()(C, H, W, 1, Kc, D), "not once an image"),
            (weighs(codes=lambda n, width: n), "no byte for each"),
            (weighs(book=lambda C, Kc, D: 4 * Kc * D), "in each of C / D groups"),
            (weighs(book=lambda C, Kc, D: C * Kc), "4 bytes each"),
            (weighs(codes=lambda n, width: n * width), "counts bits of the codes"),
            (all_at_once, "filled up to whole bytes by itself"),
            (weighs(codes=lambda n, width: n * width // 8), "round up"),
            (weighs(numbers=lambda C, H, W, D: H * W), "one for each of its groups"),
            (weighs(numbers=lambda C, H, W, D: C * H * W), "One number stands for D channels"),
            (weighs(width=lambda Kc: int(math.log2(Kc))), "round log2 up"),
            (weighs(codes=lambda n, width: n * width / 8, width=math.log2), "are whole"),
            (lambda *given: 4 * given[0] * given[1] * given[2] * given[3], "An image has 8,192 numbers of 5 bits"),
            (lambda *given: [1, 2], "one number of bytes"), (lambda *given: float("nan"), "your formula says nan")],
    "5.3": [(one_setting(256, 4), "bytes a batch; there is room for 131,072"),
            (one_setting(32, 8), "pass under 40 %"), (one_setting(2, 16), "Border 3 loses most"),
            (one_setting(8, 32), "D one of 1, 2, 4, 8, 16"), (one_setting(16, 128), "in this order"),
            (one_setting(100, 4), "Kc is one of 2, 4"), (one_setting(16), "needs a pair (Kc, D)"),
            (lambda borders, room: (16, 8), "3 pairs (Kc, D), one a border"),
            (lambda borders, room: np.array(design(borders, room)[:2]), "3 pairs"),
            (lambda borders, room: design(borders, 2 * room), "Codes and codebook both count"),
            (for_the_first_room, "there is room for 196,608"),
            (lambda borders, room: [borders[0].nbytes(3, 3)], "border 1 has (Kc, D) = (3, 3)")],
}
