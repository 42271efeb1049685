"""Exercise 3.2: workers of a ResNet cut into modules, what each computes and what it keeps."""

from functools import cache

import torch
from torch import nn

from ... import cost, heads, networks
from ...memory import SavedBytes
from . import Wrong

BATCH, ROOM, BAR = 32, 30, 40  # images, MiB, % of ResNet-32


@cache
def _blocks(depth):
    """A row a block: MACs, MACs of a head behind it; bytes it keeps besides its input, of its input, and of a head.

    Bytes are measured on two images. A worker keeps the input of its first block; for the next block that is an output
    of the one before, which keeps it anyway.
    """
    with torch.random.fork_rng(devices=[]):
        net = networks.resnet(depth)
        x, rows = torch.zeros(2, *net.shape), []
        for b, block in enumerate(net.blocks):
            last = b + 1 == len(net.blocks)
            shape = tuple(x.shape[1:])
            body, (whole, reads) = cost.count(block, shape), _kept(block, x)
            h = block(x).detach()
            head = net.classifier if last else heads.make("1c2f", body.shape, net.classes)
            added = _kept(nn.Sequential(block, head), x)[0] - whole
            rows.append((body.macs, cost.count(head, body.shape).macs, whole - reads, reads, added))
            x = h
    return rows


def _kept(module, x):
    """Bytes kept for two images, and those of its input."""
    with SavedBytes(module) as meter:
        out = module(x)
    del out
    return meter.peak, x.untyped_storage().nbytes()


class Workers:
    """A network's possible workers: call with (first, end) for the blocks first to end - 1 and the head behind them.

    Returns (share, kept): MACs, head included, in percent of the network, and MiB kept for backward, batch of 32.
    """

    def __init__(self, depth):
        self.rows = _blocks(depth)
        self.n = len(self.rows)
        self.whole = sum(row[0] for row in self.rows) + self.rows[-1][1]

    def __call__(self, first, end):
        first, end = int(first), int(end)
        if not 0 <= first < end <= self.n:
            raise Wrong(f"worker({first}, {end}): a worker has the blocks first to end - 1, of 0 to {self.n - 1}, and "
                        "at least one of them")
        blocks = self.rows[first:end]
        macs = sum(row[0] for row in blocks) + blocks[-1][1]
        kept = blocks[0][3] + sum(row[2] for row in blocks) + blocks[-1][4]
        return 100 * macs / self.whole, kept * BATCH / 2 / 2**20


def largest(answer, depth, K):
    """The share of the slowest worker under the learner's cut; Wrong if there is no such cut."""
    workers = Workers(depth)
    name, given = f"ResNet-{depth}, K = {K}", answer(workers.n, K, workers)
    if not isinstance(given, list) or len(given) != K - 1:
        raise Wrong(f"{name}: K workers have K - 1 borders, here {K - 1}; got {given}")
    if any(b != int(b) for b in given) or not all(a < b for a, b in zip([0, *given], [*given, workers.n])):
        raise Wrong(f"{name}: borders are numbers of blocks, rising, from 1 to {workers.n - 1}: where each worker but "
                    f"the first begins; got {given}")
    ends = [0, *map(int, given), workers.n]
    shares = []
    for j, (first, end) in enumerate(zip(ends, ends[1:]), start=1):
        share, kept = workers(first, end)
        if kept > ROOM:
            raise Wrong(f"{name}: worker {j}, with blocks {first} to {end - 1}, keeps {kept:.1f} MiB; there is room "
                        f"for {ROOM}")
        shares.append(share)
    most = max(shares)
    if depth == 32 and most >= BAR:
        slowest = shares.index(most)
        raise Wrong(f"{name}: your score: {most:.1f} %, that of worker {slowest + 1} with blocks {ends[slowest]} to "
                    f"{ends[slowest + 1] - 1}. All have room; pass under {BAR} %. Its head counts too: which block "
                    "might a neighbour take?")
    return most
