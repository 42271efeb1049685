"""Writing with a language model, byte by byte, with what attention has seen kept."""

from contextlib import contextmanager

import torch

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

    >>> from llcourse import networks
    >>> len(generate(networks.gpt(layers=2, width=16, heads=2, context=32).cut(2), b"def ", 40))
    40
    """
    net, head, context, text = _checked(net, prompt, head)
    length, seed = whole("length", length, 1), whole("seed", seed, 0, SEEDS)
    temperature = number("temperature", temperature)
    device = next(net.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    window = torch.tensor([list(text[-context:])], device=device)
    said, new = [], window
    with torch.no_grad(), _evaluating(net), remembering(net) as pasts:
        for _ in range(length):
            if window.shape[1] > context:
                new = window = window[:, -max(1, context // 2):]
                for past in pasts:
                    past.length = 0
            logits = net.logits(new, (head,))[head][0, -1].float()
            new = _drawn(logits, temperature, generator).view(1, 1)
            window = torch.cat([window, new], dim=1)
            said.append(new)
    return bytes(torch.cat(said).flatten().tolist())


@contextmanager
def remembering(net):
    """Within it the attention layers of a network, and its embedding, go on from what they have seen; the list of their
    Pasts."""
    layers = [layer for layer in net.modules() if hasattr(layer, "past")]
    try:
        for layer in layers:
            layer.past = Past(layer.context)
        yield [layer.past for layer in layers]
    finally:
        for layer in layers:
            layer.past = None


@contextmanager
def _evaluating(net):
    modes = {module: module.training for module in net.modules()}
    try:
        net.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _drawn(logits, temperature, generator):
    """An index drawn by logits, (n,); ValueError where one is not finite."""
    if not logits.isfinite().all():
        raise ValueError("the network's logits are not finite, so nothing can be drawn: did its training diverge?")
    if temperature == 0:
        return logits.argmax()
    return torch.multinomial(torch.softmax(logits / temperature, dim=0), 1, generator=generator)


def _checked(net, prompt, head):
    """The network as a LocalNetwork, the head's index from 0 on, the context, the prompt; ValueError for what cannot be
    these."""
    name, net = type(net).__name__, net.cut(1) if hasattr(net, "cut") else net
    embedding = next((layer for layer in net.modules() if isinstance(layer, Embedding)), None) if isinstance(
        net, LocalNetwork) else None
    if embedding is None or embedding.tokens.num_embeddings != BYTES:
        raise ValueError(f"net is {f'a {name} that reads no text' if embedding is None else embedding}; it is a "
                         "networks.gpt(...) with vocabulary=256, or a cut of one")
    if not isinstance(prompt, bytes | bytearray) or not prompt:
        raise ValueError(f"prompt is {prompt!r}; it is bytes, one at least, such as b'def ' (text.encode() makes some)")
    heads = len(net.heads)
    index = whole("head", head, -heads, heads - 1)
    return net, index % heads, embedding.context, prompt
