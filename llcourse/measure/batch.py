"""What is measured on."""

import torch


def pair(batch):
    """A batch as (x, y); ValueError if it is anything but two tensors, with a label for each example."""
    x, y = batch if isinstance(batch, (list, tuple)) and len(batch) == 2 else (None, None)
    if not isinstance(x, torch.Tensor) or not isinstance(y, torch.Tensor) or x.shape[:1] != y.shape[:1]:
        raise ValueError(f"a batch is (x, y), tensors with as many labels as examples; got {_said(batch)}")
    return x, y


def _said(batch):
    each = batch if isinstance(batch, (list, tuple)) else [batch]
    return ", ".join(f"a tensor of shape {tuple(one.shape)}" if isinstance(one, torch.Tensor) else repr(one)[:60]
                     for one in each)
