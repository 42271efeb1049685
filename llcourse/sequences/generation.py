"""Writing with a language model, byte by byte, with what attention has seen kept."""

import torch
from torch import nn

from ..arguments import number, whole
from ..local import LocalNetwork
from .transformer import Embedding, Past

BYTES = 256  # different ones
SEEDS = 2**32 - 1


def generate(net, prompt, length, *, seed=0, temperature=1.0, head=-1):
    """`length` bytes that continue `prompt`, as bytes.

    net: a networks.GPT of 256 bytes, or a LocalNetwork of it, whose borders are passed as in evaluation.   prompt:
    bytes, one at least.   temperature: of the softmax that bytes are drawn from; 0 takes the likeliest.   head: the
    index of the head that is asked; with another than the last only the modules below it run, an early exit.   The same
    seed gives the same bytes on the same machine. The network stays as it is.

    Keys and values of what was read are kept, so that a byte costs a byte's forward pass. Where the network's context
    is full its later half is read anew and the rest forgotten; of a longer prompt the last `context` bytes are read.
    Raises ValueError for a network that reads no bytes, a head that nothing trains, and where logits are not finite.

    >>> from llcourse import networks
    >>> len(generate(networks.gpt(layers=2, width=16, heads=2, context=32).cut(2), b"def ", 40))
    40
    """
    net, context = _reader(net)
    if not isinstance(prompt, bytes | bytearray) or not prompt:
        raise ValueError(f"prompt is {prompt!r}; it is bytes, one at least, such as b'def ' (text.encode() makes some)")
    length, seed, temperature = whole("length", length, 1), whole("seed", seed, 0, SEEDS), number(
        "temperature", temperature)
    head = whole("head", head, -len(net.heads), len(net.heads) - 1) % len(net.heads)
    if head not in net.losses:
        raise ValueError(f"head {head} has no loss under this reach and is as it began: ask one of "
                         f"{', '.join(map(str, net.losses))}")
    with torch.inference_mode():
        net = net.unheld().eval()  # of a copy made here PyTorch keeps no account, which a byte at a time is dear
        device, pasts, said, tops = next(net.parameters()).device, remember(net), [], []
        generator = torch.Generator(device).manual_seed(seed)
        new = window = torch.tensor([list(prompt[-context:])], device=device)
        for _ in range(length):
            if window.shape[1] > context:
                new = window = window[:, -max(1, context // 2):]
                for past in pasts:
                    past.length = 0
            top, new = _drawn(net.logits(new, (head,))[head][:, -1].float(), temperature, generator)
            window = torch.cat([window, new], dim=1)
            said.append(new)
            tops.append(top)
    if not torch.cat(tops).isfinite().all():  # asked once, so that no byte waits for a GPU
        raise ValueError(f"the network's logits, at temperature {temperature}, are not finite: nothing can be drawn. "
                         "Did its training diverge, or is the temperature out of all bounds?")
    return bytes(torch.cat(said).flatten().tolist())


def remember(net):
    """From now on the network's attention layers and its embedding go on from what they have seen: each call is given
    the next positions only. Returns their Pasts; length = 0 in all of them begins anew."""
    layers = [layer for layer in net.modules() if hasattr(layer, "past")]
    for layer in layers:
        layer.past = Past(layer.context)
    return [layer.past for layer in layers]


def _drawn(logits, temperature, generator):
    """An index drawn by logits, (1, n), behind the value that won with it, (1, 1) each. Gumbel's noise: at i the sum is
    the largest one with the probability that the softmax gives to i."""
    noise = torch.empty_like(logits).exponential_(generator=generator).log_()
    return (logits - temperature * noise).max(dim=1, keepdim=True)


def _reader(net):
    """The network as a LocalNetwork, and its context; ValueError for one that reads no bytes."""
    name = type(net).__name__
    if hasattr(net, "cut"):  # not cut(1), which counts what its blocks cost: a quarter of a second
        net = LocalNetwork([nn.Sequential(*net.blocks)], [net.classifier])
    found = [layer for layer in net.modules() if isinstance(layer, Embedding)] if isinstance(net, LocalNetwork) else []
    if not found or found[0].tokens.num_embeddings != BYTES:
        reads = f"reads {found[0].tokens.num_embeddings} different ones" if found else "reads none"
        raise ValueError(f"generate takes a networks.gpt(...) of vocabulary 256, bytes, or a cut of one; this {name} "
                         f"{reads}")
    return net, found[0].context
