"""Public arguments: each is checked once, where it comes in, by one of these, and the error says its value."""

import math
import operator


def whole(name, value, least=0, most=None, error=ValueError):
    """`value` as an int, also one of numpy or torch; an error unless it is a whole number from `least` to `most`."""
    try:
        n = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        n = None
    if n is None or n < least or (most is not None and n > most):
        raise error(f"{name} is {value!r}; it is a whole number from {least} {'on' if most is None else f'to {most}'}")
    return n


def number(name, value, least=0.0, most=math.inf, above=None, below=None):
    """`value` as a plain number, also one of numpy or torch; ValueError unless it is finite and within these ends."""
    try:
        x = None if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        x = None
    if x is None or not math.isfinite(x) or not (x >= least if above is None else x > above) or not (
            x <= most if below is None else x < below):
        low = f"from {least:g}" if above is None else f"above {above:g}"
        high = f" to below {below:g}" if below is not None else f" to {most:g}" if most < math.inf else (
            " on" if above is None else "")
        raise ValueError(f"{name} is {value!r}; it is a number {low}{high}")
    return value if type(value) in (int, float) else x


def flag(name, value):
    """`value` as a bool, also one of numpy; ValueError for all that only counts as true or false."""
    if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy's has that name too
        return bool(value)
    raise ValueError(f"{name} is {value!r}; it is True or False")


def one_of(name, value, choices):
    """`value`, one of the names in `choices`; ValueError, which lists them, for anything else."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}; it is one of {', '.join(choices)}")
    return value


def several(name, values):
    """`values` as a tuple; ValueError for what holds none, and for a text."""
    try:
        return tuple(values if not isinstance(values, (str, bytes)) else None)
    except TypeError:
        raise ValueError(f"{name} is {values!r}; it is a list or a tuple") from None
