"""What training means: a network's settings and weights, said such that two can be told apart."""

from hashlib import sha256

import torch

SHOWN = 3  # differences that a message lists


def digest(tensors, text=""):
    """A short name for {name: tensor}: other names, shapes, dtypes or bits have another."""
    whole = sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        whole.update(bits(tensor).cpu().numpy())
    return whole.hexdigest()[:32]


def bits(tensor):
    """The bytes of a tensor in a row, however they lie in memory; NaN is then like NaN."""
    return tensor.detach().reshape(-1).view(torch.uint8)


def description(net):
    """{what: text} of all that a network is made of but its weights: layers, settings, wiring, parameters' shapes.

    Of what a module holds, numbers, texts, functions and buffers count; a constant tensor of its own is a buffer.
    """
    said, saved = {"wiring": repr(net.wiring), "weights": repr(net.weights)}, net.state_dict()
    if any(net.wiring.context):
        said["context"] = repr(net.wiring.context)
    for name, module in net.named_modules(remove_duplicate=False):
        settings = {k: text for k, v in sorted(vars(module).items())
                    if k[0] != "_" and k != "training" and (text := _said(v)) is not None}
        said[name or "network"] = f"{type(module).__qualname__}({module.extra_repr()}) {settings or ''}".rstrip()
    for name, p in net.named_parameters(remove_duplicate=False):
        said[name] = f"{tuple(p.shape)} {p.dtype} {'' if p.requires_grad else 'frozen'}".rstrip()
    for name, buffer in net.named_buffers():
        if name not in saved:
            said[name] = digest({"": buffer})
    return said


def differences(there, here):
    """Lines that say where two dicts differ, dicts in them entry by entry."""
    lines = []
    for key in [*here, *(key for key in there if key not in here)]:
        a, b = there.get(key), here.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            lines += [f"{key}: {line}" for line in differences(a, b)[:SHOWN]]
        elif a != b:
            lines.append(f"{key}: {a} there, {b} here")
    return lines


def _said(value):
    """A setting as text: a number, a text, None, a dtype, a function, or a collection of them; None for all else."""
    if isinstance(value, dict):
        value = [*value.items()]
    if isinstance(value, (list, tuple)):
        each = [_said(one) for one in value]
        return None if None in each else repr(each)
    if value is None or isinstance(value, (bool, int, float, str, torch.dtype)):
        return repr(value)
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else None
