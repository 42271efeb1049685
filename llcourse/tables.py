"""Tables of figures: aligned text where they are printed, an HTML table where a notebook shows them."""

import re
import textwrap
from collections.abc import Mapping
from html import escape
from numbers import Integral, Real

from .arguments import several, whole

WIDTH = 100  # characters of the longest line: what an output cell shows without scrolling
NARROWEST = 16  # characters that a first column of long texts is wrapped to, at the least
FIGURE = re.compile(r"-|nan|[+-]?[\d,]+(\.\d+)?( \+- [\d.]+)?")  # what stands to the right in a column of texts


class Table:
    """Figures in rows under one head.

    rows: a list of dicts; columns are their keys, in the order of their first appearance.   title: above them.
    notes: a text or a list of texts below; `what stands in backticks` is kept on one line.   digits: decimals of the
    floats, for all columns or {column: decimals}, 2 in others.   Ints get thousands separators, None and what is
    missing a dash, texts stay as they are. The first column stands left, and where lines would be longer than WIDTH its
texts are wrapped. Raises ValueError where that is not enough, and for what makes no table.

    >>> Table([{"head": "linear", "MACs": 160, "MiB": 4.375}, {"head": "cnn", "MACs": 4719232}], digits=1)
    head         MACs  MiB
    linear        160  4.4
    cnn     4,719,232    -
    """

    def __init__(self, rows, title="", notes=(), digits=2):
        self.rows = [{str(column): value for column, value in _row(row).items()} for row in several("rows", rows)]
        self.title = "" if title is None else str(title)
        self.notes = [notes] if isinstance(notes, str) else [str(note) for note in several("notes", notes)]
        self.columns = list(dict.fromkeys(column for row in self.rows for column in row))  # a column may be a K
        if self.rows and not self.columns:
            raise ValueError("the rows of a table have columns; got none")
        decimals = digits if isinstance(digits, dict) else dict.fromkeys(self.columns, digits)
        decimals = {str(column): whole("digits", n, most=20) for column, n in decimals.items()}
        if self.rows and (unknown := decimals.keys() - set(self.columns)):
            raise ValueError(f"digits names {', '.join(sorted(unknown))}; the columns are {', '.join(self.columns)}")
        self._cells = [[_text(row.get(c), decimals.get(c, 2)) for c in self.columns] for row in self.rows]
        self._right = [n > 0 and (any(_is_number(row.get(column)) for row in self.rows)
                                  or all(FIGURE.fullmatch(cells[n]) for cells in self._cells))
                       for n, column in enumerate(self.columns)]
        widths = [max(map(len, cells)) for cells in zip(self.columns, *self._cells)]
        left = WIDTH - sum(2 + width for width in widths[1:])
        if widths and widths[0] > left < NARROWEST:
            raise ValueError(f"the table is {WIDTH - left + widths[0]} characters wide, and {WIDTH} are the most: "
                             "shorten a head, or leave out a column")
        self._widths = [min(widths[0], left), *widths[1:]] if widths else []

    def __str__(self):
        lines = wrapped(self.title) if self.title else []
        for cells in [self.columns, *self._cells] if self.rows else []:
            first, *more = wrapped(cells[0], self._widths[0])
            line = "  ".join(cell.rjust(width) if right else cell.ljust(width)
                             for cell, width, right in zip([first, *cells[1:]], self._widths, self._right))
            lines += [line.rstrip(), *more]
        return "\n".join([*lines, *(line for note in self.notes for line in wrapped(note))])

    __repr__ = __str__

    def _repr_html_(self):
        """For notebooks: a table that scrolls by itself where a screen is too narrow for it."""
        sides = ["right" if right else "left" for right in self._right]
        head = "".join(f'<th scope="col" style="text-align: {side}">{escape(column)}</th>'
                       for column, side in zip(self.columns, sides))
        body = ""
        for first, *more in self._cells:
            name = f'text-align: left; min-width: {min(self._widths[0], NARROWEST)}ch'
            body += f'<tr><th scope="row" style="{name}">{escape(first)}</th>' + "".join(
                f'<td style="text-align: {side}; white-space: nowrap">{escape(cell)}</td>'
                for cell, side in zip(more, sides[1:])) + "</tr>\n"
        caption = f'<caption style="caption-side: top; text-align: left">{escape(self.title)}</caption>'
        table = (f'<div style="overflow-x: auto" tabindex="0">\n<table>\n{caption if self.title else ""}\n'
                 f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n")
        title = f"<p>{escape(self.title)}</p>\n" if self.title else ""
        notes = (re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(note)) for note in self.notes)
        return (table if self.rows else title) + "".join(f"<p>{note}</p>\n" for note in notes)


table = Table  # what a chapter types: ll.table(rows)


def plain(value):
    """A number of numpy or torch as Python's; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () else value


def _row(row):
    if not isinstance(row, Mapping):
        raise ValueError(f"a row of a table is a dict {{column: value}}; got {row!r}")
    return row


def _is_number(value):
    return isinstance(plain(value), Real) and not isinstance(plain(value), bool)


def _text(value, decimals):
    value = plain(value)
    if value is None:
        return "-"
    if _is_number(value):
        return f"{value:,}" if isinstance(value, Integral) else f"{float(value):,.{decimals}f}"
    return str(value).replace("\n", " ")  # of an array, for one: a row is a line


def wrapped(text, width=WIDTH):
    """Lines of at most `width` characters; what stands in backticks is no place to break."""
    kept = re.sub(r"`[^`]*`", lambda code: code[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(kept, width, subsequent_indent="  ", break_on_hyphens=False) or [""]
    return [line.replace("\0", " ") for line in lines]
