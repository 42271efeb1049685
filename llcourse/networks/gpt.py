"""A small GPT: the same chain of blocks, on text."""

from functools import partial

from .. import sequences
from ..arguments import flag, one_of, whole
from .network import Network

POSITIONS = "rotary", "learned"


class GPT(Network):
    """A Network on text: int64 (batch, T), T up to `context`, to logits (batch, T, vocabulary). See `gpt`."""

    def __init__(self, name, blocks, classifier, context, make_block, tied):
        super().__init__(name, blocks, classifier, classifier.linear.out_features, (context,), initialisation="gpt-2")
        self.make_block, self.tied = make_block, tied

    def cut(self, K, head="projection", reach=None, objective="cross-entropy"):
        """Cut into K modules: a LocalNetwork that shares this network's parameters.

        head: of modules 1 to K - 1, a name in sequences.HEADS, or sequences.Readout(every=...); the last module keeps
        the network's own.   reach: default is local.   objective: of losses 1 to K - 1, as of Network.cut. Raises
        ValueError for a K above the number of blocks, and of a network with tied=True for any K above 1: whatever the
        reach, its last head would train module 1's embedding. There is head="tied" instead, which does not.
        """
        if self.tied and whole("K", K, 1) > 1:
            raise ValueError(f"K is {K}, and with tied=True the last head shares the embedding, which is module 1's: "
                             "cut this network with K = 1, or one with tied=False, and head='tied'")
        return super().cut(K, head, reach, objective)

    def make_head(self, kind, shape, outputs):
        return sequences.make(kind, sequences.Place(shape[-1], outputs, self.blocks[0].tokens, self.classifier,
                                                    self.make_block))


def gpt(layers=4, width=64, heads=4, context=128, vocabulary=256, positions="rotary", tied=False):
    """A GPT (Radford et al. 2019), pre-norm: blocks "embedding", "1", "2" ..., a norm and a projection on top.

    vocabulary: 256 for text as bytes.   context: positions that it sees at once.   positions: "rotary" or "learned".
    tied: the projection is the embedding (Press and Wolf 2017). Linear layers have no biases; weights start as
    GPT-2's. Raises ValueError for heads that do not divide the width.

    >>> net = gpt()
    >>> net.name, net.block_names, net.borders(2)
    ('GPT-4', ['embedding', '1', '2', '3', '4'], ['2'])
    """
    layers, width, heads = whole("layers", layers, 1), whole("width", width, 1), whole("heads", heads, 1)
    context, vocabulary, tied = whole("context", context, 1), whole("vocabulary", vocabulary, 2), flag("tied", tied)
    rotary = one_of("positions", positions, POSITIONS) == "rotary"
    if width % heads or (rotary and width // heads % 2):
        raise ValueError(f"width is {width} and heads is {heads}; each head has width / heads values, a whole number"
                         f"{', even for rotary positions' if rotary else ''}")
    block = partial(sequences.Block, width, heads, layers, context, rotary)
    embedding = sequences.Embedding(vocabulary, width, context, not rotary)
    classifier = sequences.Projection(width, vocabulary)
    if tied:
        classifier.linear.weight = embedding.tokens.weight
    blocks = {"embedding": embedding} | {str(n): block() for n in range(1, layers + 1)}
    return GPT(f"GPT-{layers}", blocks, classifier, context, block, tied)
