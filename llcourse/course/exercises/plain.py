"""Numbers as learners give them, made plain: one place, so that no check asks which library they come from."""

import numbers
from decimal import Decimal

import numpy as np
import torch

from . import Wrong


def plain(answer):
    """Python numbers, lists and sets of what may hold numpy's or torch's: arrays, tensors, tuples, ranges, scalars.

    Fractions and Decimals become floats.

    Raises Wrong for anything that holds something else than numbers.

    >>> from fractions import Fraction
    >>> plain((Fraction(1, 2), torch.tensor([1, 2]), {torch.tensor(2)}))
    [0.5, [1, 2], {2}]
    """
    if isinstance(answer, (np.ndarray, np.generic, torch.Tensor)):
        answer = answer.tolist()
    if isinstance(answer, (int, float, complex)):
        return answer
    if isinstance(answer, (numbers.Real, Decimal)):
        return float(answer)
    if isinstance(answer, (set, frozenset)):
        return {plain(item) for item in answer}
    if isinstance(answer, (list, tuple, range)):
        return [plain(item) for item in answer]
    shown = "..." if answer is Ellipsis else repr(answer)
    raise Wrong(f"numbers are asked for; this holds a {type(answer).__name__}: {shown[:60]}")
