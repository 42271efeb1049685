"""Wrong answers to exercise 8.2, and right ones in another style."""

import math
from fractions import Fraction

import numpy as np
import torch

from llcourse.course.solutions.ch08 import head_cost

KINDS = "projection", "block", "tied", "readout"


def parts(kind, w, V, T, *, scale=2, bias=False, qkv=3, out=1, up=4, down=4, norms=2, table=lambda w, T: 0,
          products=lambda w, T: 2 * T * w, normed=("projection", "block", "tied"), matrix=("projection", "block"),
          computes=KINDS, before=True, macs=lambda m, w, T: m, added=lambda w, V: 0):
    """The solution of 8.2, counted part by part, with some of its choices made otherwise."""
    layers = (qkv + out + up + down) * w * w
    biases = (qkv + 1 + up + 1) * w if bias else 0
    head = scale * w * (kind in normed) + (w * V + V * bias) * (kind in matrix)
    m = (w * V if kind in computes else 0) + added(w, V)
    if kind == "block" and before:
        head += layers + biases + norms * scale * w + table(w, T)
        m += layers + products(w, T)
    m = macs(m, w, T)
    return head, m, m / block(w, T)


def slip(**otherwise):
    return lambda *case: parts(*case, **otherwise)


def quotient(of):
    """The third number made otherwise: of(parameters, MACs, width, context)."""
    return lambda kind, w, V, T: (*(pair := head_cost(kind, w, V, T)[:2]), of(*pair, w, T))


def block(w, T):
    return 12 * w * w + 2 * T * w


def by_modules(kind, width, vocabulary, context):
    """The solution of 8.2 in another style: layers are made and counted."""
    def linear(a, b):
        return torch.nn.Linear(a, b, bias=False, device="meta")

    norm = torch.nn.LayerNorm(width, device="meta")
    a_block = [norm, linear(width, 3 * width), linear(width, width), norm, linear(width, 4 * width),
               linear(4 * width, width)]
    head = {"projection": [norm, linear(width, vocabulary)], "tied": [norm], "readout": []}
    head["block"] = a_block + head["projection"]

    def weights(layers):
        return sum(p.numel() for layer in layers for p in layer.parameters())

    def macs(layers):
        return sum(layer.weight.numel() for layer in layers if isinstance(layer, torch.nn.Linear))

    of_block = macs(a_block) + 2 * width * context
    work = width * vocabulary + of_block * (kind == "block")
    return [weights(head[kind]), work, Fraction(work, of_block)]


RIGHT = [by_modules, slip(), lambda *case: np.array(head_cost(*case)),
         lambda *case: torch.tensor(head_cost(*case), dtype=torch.float64),
         quotient(lambda p, m, w, T: np.float32(m / block(w, T)))]

WRONG = [
    (slip(scale=1), "in the head's one you count one of them"), (slip(scale=0), "The head's LayerNorm is not counted"),
    (slip(bias=True), "you count the projection's"), (slip(normed=()), "The head's LayerNorm is not counted"),
    (slip(matrix=()), "The projection's own matrix is not counted"),
    (slip(matrix=("projection",)), "head 'block', width 64, vocabulary 256, context 128: trained parameters"),
    (slip(matrix=("projection", "block", "tied")), "it is trained with module 1"),
    (slip(matrix=KINDS), "it is trained with module 1"),
    (slip(matrix=("projection", "block", "readout")), "this head does not train it"),
    (slip(normed=KINDS), "The readout's LayerNorm is a copy too"),
    (slip(matrix=("projection", "block", "readout"), normed=KINDS), "does not train it. The readout's LayerNorm"),
    (slip(normed=("projection", "block")), "The head's LayerNorm is not counted"),
    (slip(qkv=1), "you count two"), (slip(qkv=2), "you count three"), (slip(out=0), "values and back; you count three"),
    (slip(qkv=0, out=0), "4 width * width is missing"), (slip(up=0), "4 width * width is missing"),
    (slip(up=1, down=1), "4 width wide within"), (slip(up=16, down=4), "4 width on one side alone"),
    (slip(up=0, down=0), "The perceptron is not counted"), (slip(norms=0), "The block's two LayerNorms"),
    (slip(norms=1), "you count fewer"), (slip(before=False), "The block that stands before"),
    (slip(table=lambda w, T: T * w), "Positions are no weights"),
    (slip(qkv=1, norms=1), "two in the block and one before the projection; you count fewer. Attention has four"),
    (slip(products=lambda w, T: 0), "have no weights and cost all the same"),
    (slip(products=lambda w, T: T * w), "you count half"),
    (slip(products=lambda w, T: w * (T + 1)), "those before it alone"),
    (slip(products=lambda w, T: 2 * T * T * w), "of all bytes of a context"),
    (slip(products=lambda w, T: 2 * T * T), "Heads of attention share the width"),
    (slip(products=lambda w, T: 4 * T * w), "a product of attention twice"),
    (slip(computes=("projection", "block", "readout")), 'the head "tied" multiplies'),
    (slip(computes=("projection", "block", "tied")), 'the head "readout" multiplies'),
    (slip(computes=("projection", "tied", "readout")), "The projection's product is not counted"),
    (slip(macs=lambda m, w, T: 2 * m), "you count two"), (slip(macs=lambda m, w, T: 3 * m), "not training's three"),
    (slip(macs=lambda m, w, T: T * m), "you count a whole context"),
    (slip(added=lambda w, V: 2 * w), "The LayerNorm is no matrix product"),
    (slip(added=lambda w, V: V), "Adding a bias is no matrix product"),
    (slip(added=lambda w, V: 5), "You are 5 above at width 64"),
    (quotient(lambda p, m, w, T: block(w, T) / m), "turn it round"),
    (quotient(lambda p, m, w, T: p / (12 * w * w + 4 * w)), "You divide parameters"),
    (quotient(lambda p, m, w, T: m / (12 * w * w)), "without attention's products"),
    (quotient(lambda p, m, w, T: m / (12 * w * w + 4 * w)), "You divide MACs by parameters"),
    (quotient(lambda p, m, w, T: m / (m + block(w, T))), "by head and block together"),
    (quotient(lambda p, m, w, T: 1 + m / block(w, T)), "You add the block"),
    (quotient(lambda p, m, w, T: 100 * m / block(w, T)), "in percent"),
    (quotient(lambda p, m, w, T: m // block(w, T)), "It is rounded"),
    (quotient(lambda p, m, w, T: round(m / block(w, T), 2)), "It is rounded"),
    (quotient(lambda p, m, w, T: m / 7), "over those of one block"), (quotient(lambda *_: math.nan), "return three"),
    (lambda *case: head_cost(*case)[:2], "return three numbers"), (lambda *case: head_cost(*case)[0], "return three"),
    (lambda *case: head_cost(*case)[::-1], "trained parameters"),
    (lambda *case: dict(zip("abc", head_cost(*case))), "numbers are asked for"),
]
