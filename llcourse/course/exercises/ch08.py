"""Exercises of chapter 08: language models."""

from . import exercise
from .chunking import chunks_right
from .readouts import bill_right
from .surprise import bits_right
from .tying import mended_right


@exercise("8.1", title="Bits per byte", dots=1, minutes=10, numbers=True,
          why="One number for every language model, whatever its vocabulary: how long the text is, packed by it.",
          hints=["A byte to which the network gives p = 1/2 costs one bit, one with p = 1/4 two. Which dimension of "
                 "logits does the softmax run over?",
                 "A loss of `F.cross_entropy` is the mean of -log p, by the natural logarithm. log2 p = log p / log 2.",
                 "`F.cross_entropy` wants (N, V) and (N,): logits.flatten(0, 1), y.flatten(). Divide what it returns "
                 "by math.log(2)."])
def bits(answer):
    bits_right(answer)


@exercise("8.2", title="Count a head", dots=2, minutes=15, numbers=True,
          why="In a language model a local loss can cost more than the block that it trains.",
          hints=["A linear layer without biases from a to b numbers has a * b weights, and costs as many "
                 "multiply-accumulates a byte. A LayerNorm has two numbers a channel. Write down a block's four "
                 "matrices first.",
                 "Queries, keys and values 3 w * w, back w * w, up w * 4w, down 4w * w: 12 w * w in all. Attention's "
                 "products: a byte's query with `context` keys, then `context` values with their shares.",
                 "block = 12 * w * w + 2 * context * w. Every head costs w * V, \"block\" one block more. Trained: "
                 "2 * w where a norm is its own, w * V where a matrix is, 12 * w * w + 4 * w for a block."])
def head_cost(answer):
    return bill_right(answer)


@exercise("8.3", title="The leak through a tied projection", dots=2, minutes=10,
          why="Features are detached at every border, and yet every loss trains module 1.",
          hints=["The weight of the embedding is used in two places. Ask autograd: which losses give "
                 "embedding.weight a gradient?",
                 "A loss above module 1 reaches it through the projection. It may read the weight as a constant there; "
                 "its own norm and module still need their gradients.",
                 "logits = norm(h) @ embedding.weight.detach().T. Detach the weight alone, in this product alone, for "
                 "the last loss too."])
def mended(answer):
    mended_right(answer)


@exercise("8.4", title="Choose the chunks", dots=3, minutes=15, numbers=True, acts=True,
          why="Every border costs quality: cut where memory asks for it, and there evenly.",
          hints=["Two questions, one after the other: how many chunks must there be? And of all cuts into so many "
                 "that fit, which has the smallest longest step?",
                 "Filling each chunk from the first block on finds the fewest, not the most even. For twelve blocks "
                 "all cuts can be tried: itertools.combinations(range(1, L), K - 1) are the places of K - 1 borders.",
                 "for K in range(1, min(workers, L) + 1): make the sizes of all cuts into K chunks, keep those with "
                 "sum(kept of the chunk) + head <= room for every chunk; if there are any, return the one with the "
                 "smallest max(sum(times of the chunk)). Behind the loop: return None."])
def chunks(answer):
    chunks_right(answer)
