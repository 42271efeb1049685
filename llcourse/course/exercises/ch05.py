"""Exercises of chapter 05: quantised messages."""

import math

from ...borders import VectorQuantizer
from . import Wrong, exercise
from .codebook import update_right
from .design import BAR, mean_error

ROOMS = 128, 192  # KiB of a batch


@exercise("5.1", title="One update of the codebook", dots=2, minutes=10,
          why="This is all that learns at a border, and no gradient is in it.",
          hints=["Two moving averages: of how many pixels chose each code, and of the sum of those pixels. "
                 "average = decay * average + (1 - decay) * what this batch has.",
                 "used = torch.bincount(indices, minlength=Kc); for the sums, torch.zeros_like(sums).index_add(0, "
                 "indices, pixels) adds each pixel to the row of its code.",
                 "With n = counts.sum(), the smoothed counts are (counts + 1e-5) / (n + Kc * 1e-5) * n. The new code "
                 "is sums / smoothed[:, None] where used > 0, else the old one: torch.where."])
def update(answer):
    update_right(answer)


@exercise("5.2", title="What a message weighs", dots=1, minutes=5, numbers=True,
          why="The codes shrink with D; the codebook that travels with them does not.",
          hints=["An image has H * W pixels, each of C // D groups; each group sends the number of one of Kc codes. "
                 "How many bits does a number from 0 to Kc - 1 need?",
                 "The bits of one image are filled up to whole bytes: -(-bits // 8). The codebook, C // D groups of Kc "
                 "codes of D float32 values, goes once with the batch."])
def message_bytes(answer):
    for C, H, W, batch, Kc, D in ((16, 32, 32, 32, 32, 2), (16, 32, 32, 32, 256, 16), (64, 8, 8, 128, 256, 4),
                                  (32, 16, 16, 1, 5, 32), (6, 5, 5, 7, 9, 2), (4, 3, 3, 10, 2, 4)):
        right = VectorQuantizer(Kc, D).message_bytes((C, H, W), batch)
        given = answer(C, H, W, batch, Kc, D)
        if not isinstance(given, (int, float)):
            raise Wrong(f"return one number of bytes; got {given}")
        if given != right:
            raise Wrong(f"{batch} images of {C} x {H} x {W}, Kc = {Kc}, D = {D}: the message has {right:,} bytes, your "
                        f"formula says {given:,}. {_slip(given, C, H, W, batch, Kc, D)}")


def _slip(given, C, H, W, batch, Kc, D):
    numbers, width, codebook = H * W * C // D, (Kc - 1).bit_length(), 4 * C * Kc
    image = -(-numbers * width // 8)
    for wrong, cause in (
            (batch * image, "The codebook is missing: it travels with each message"),
            (batch * (image + codebook), "The codebook travels once a batch, not once an image"),
            (batch * numbers + codebook, "An index has ceil(log2 Kc) bits, and they are packed: no byte for each"),
            (batch * image + 4 * Kc * D, "The codebook has Kc codes of D values in each of C / D groups"),
            (batch * image + C * Kc, "The codebook's values are float32: 4 bytes each"),
            (8 * batch * image + codebook, "That counts bits of the codes: 8 of them are a byte"),
            (batch * numbers * width + codebook, "That counts bits of the codes: 8 of them are a byte"),
            (-(-batch * numbers * width // 8) + codebook, "Each image is filled up to whole bytes by itself, so that "
                                                          "a buffer can hand out single images"),
            (batch * (numbers * width // 8) + codebook, "Bits that fill a byte in part need all of it: round up"),
            (batch * -(-H * W * width // 8) + codebook, "A pixel sends C / D numbers, one for each of its groups"),
            (batch * -(-numbers * D * width // 8) + codebook, "One number stands for D channels: H * W * C / D of "
                                                              "them an image"),
            (batch * -(-numbers * int(math.log2(Kc)) // 8) + codebook, f"{Kc} codes need {width} bits: round log2 up"),
            (batch * numbers * math.log2(Kc) / 8 + codebook, "Bits of a number, and bytes of an image, are whole: "
                                                             "round both up")):
        if abs(given - wrong) < 1e-6:
            return cause + "."
    return (f"An image has {numbers:,} numbers of {width} bits, filled up to {image:,} bytes; the codebook has "
            f"{codebook:,}, once a batch.")


@exercise("5.3", title="Three borders, one budget", dots=3, minutes=15, numbers=True,
          why="A link has room for so many bytes, and the borders share it: where are they worth most?",
          hints=["One setting for all, the best of them (32, 8), leaves 45 %. Print error(Kc, D) and nbytes(Kc, D) of "
                 "some settings for each border: which loses most when it gets less?",
                 "A border has 40 settings, most of them useless: another takes fewer bytes and loses less. Sort by "
                 "bytes, and keep those whose error is less than all before.",
                 "About 25 settings a border remain, 25 ** 3 = 16,000 triples: itertools.product lists them. Of those "
                 "that fit, take the one whose errors have the least sum."])
def design(answer):
    first, second = mean_error(answer, ROOMS[0], BAR), mean_error(answer, ROOMS[1])
    return (f"your score: mean error {first:.1f} % in {ROOMS[0]} KiB and {second:.1f} % in {ROOMS[1]} KiB (less is "
            "better; the best, by search over all settings, are 37.5 and 30.4)")
