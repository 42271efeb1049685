"""What figures are given: names, shown letter by letter, and numbers, of Python, numpy or torch."""

import math
import reprlib
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real

import numpy as np

from ..arguments import several
from ..reach import ReachError
from ..tables import plain

UNSEEN = "\u200b"  # as wide as nothing


def entries(given):
    """`given`, a dict {name: what to draw}. ValueError for another kind, and for an empty one, as of a suite without a
    recorded run: an empty figure would say nothing."""
    if not isinstance(given, Mapping):
        raise ValueError(f"a figure is drawn of a dict {{name: ...}}; got {reprlib.repr(given)}")
    if not given:
        raise ValueError("no run to draw: run the cell that trains to its end first, or record the suite")
    return given


def pair(name, two):
    """`two` as a tuple of two; ValueError for more, less or none."""
    two = several(repr(name), two)
    if len(two) != 2:
        raise ValueError(f"{name!r} is drawn of a pair; got {reprlib.repr(two)}")
    return two


def several_of(kind, name, values):
    """`values` as a tuple; ValueError unless all of them are of that class."""
    values = several(repr(name), values)
    if not all(isinstance(value, kind) for value in values):
        raise ValueError(f"{name!r} is drawn of {kind.__name__}s; got {reprlib.repr(values)}")
    return values


def text(name):
    """What Matplotlib shows as `name`, whatever that is: between two dollars it would see mathematics."""
    return str(name).encode("utf-8", "backslashreplace").decode().replace("$", r"\$")


def label(name):
    """The same for a legend, which would leave out names that are empty or begin with _."""
    return UNSEEN + text(name) if str(name)[:1] in ("", "_") else text(name)


def numbers(name, values, length=None):
    """`values` as a list of plain numbers; None, for what was not measured, is NaN. ValueError for anything else, or
    for more or less than `length` of them."""
    try:
        found = [_number(plain(value)) for value in values]
    except TypeError:
        found = None
    if found is None or len(found) != (length or len(found)):
        many = "numbers" if length is None else f"{length} numbers"
        raise ValueError(f"{name!r} is drawn of {many}; got {reprlib.repr(values)}")
    return found


def _number(value):
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (Real, Decimal)):
        return float(value)
    raise TypeError


def matrix(R):
    """`R` as an array of two dimensions, also of rows that are lists; ReachError for anything else. It may be illegal:
    figures show those too."""
    try:
        array = np.asarray(R)
    except (ValueError, TypeError, RuntimeError):  # rows of several lengths, a tensor with its graph
        array = np.empty(0)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        raise ReachError(f"a reach is drawn of rows of 0 and 1; got {reprlib.repr(R)}")
    return array.astype(int) if array.dtype == bool else array
