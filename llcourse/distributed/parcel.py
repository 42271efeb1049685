"""Parcels: a batch's features, labels and image as a message; a border encodes them where they are made, and decodes
them where they are read."""

from contextlib import nullcontext

import torch

from ..borders import Sample
from ..cell import tensor_of
from ..wiring import IMAGE
from .chance import drawing_nothing, draws
from .wire import TENSORS, Message


def image_travels(net, number):
    """Whether cells above this one read the image, or may: then it goes with the features."""
    reads = any(IMAGE in sources for sources in net.wiring.cells[number + 1:])
    return reads or any(getattr(objective, "reads_image", True) for objective in net.objectives[number + 1:])


def pack(net, s, sample, image, free=False):
    """The message that the reader of cell s gets; its border encodes or changes the features here, where they are
    made. image: whether it goes along.   free: whether the border may draw random numbers as it likes."""
    border = net.borders[s]
    keeps = border is not None and border.holds and border.training  # in evaluation it is crossed
    alone = nullcontext() if free or draws(border) else drawing_nothing(f"border {s + 1}")
    with torch.no_grad(), alone, nullcontext() if keeps else net.autocast():
        if border is not None and border.sends is not None:
            content = border.sends.encode(sample.h)
        else:
            content = [sample.h if border is None or keeps else tensor_of(f"border {s + 1}", border, sample.h)]
    rest = [t for t in (sample.y, sample.image if image else None) if t is not None]
    note = [str(sample.h.dtype).removeprefix("torch."), list(sample.h.shape), len(content), len(rest)]
    return Message(TENSORS, apart(net, (*content, *rest)), note)


def apart(net, tensors):
    """The tensors; a copy of each that lies in a border's memory, which may change before it is sent."""
    kept = {buffer.untyped_storage().data_ptr() for border in net.borders if border is not None
            for buffer in border.buffers()}
    return tuple(t.clone() if t.untyped_storage().data_ptr() in kept else t for t in tensors)


def unpack(net, s, message):
    """(content, Sample with what the border makes of it, dtype) of a message that `pack` has made."""
    name, shape, fields, rest = message.note
    content, others = message.tensors[:fields], (*message.tensors[fields:], None, None)[:2]
    border, dtype = net.borders[s], getattr(torch, name)
    if border is not None and border.sends is not None:
        border.sends.encoded_elsewhere(shape)
    return content, Sample(content[0], others[1], others[0]), dtype
