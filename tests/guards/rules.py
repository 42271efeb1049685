"""What a committed chapter must be. Each rule takes a notebook and yields what is wrong with it, one line a fault."""

import ast
import re
from html.parser import HTMLParser

from IPython.core.inputtransformer2 import TransformerManager

FREE_TAGS = {"nbval-ignore-output", "nbval-skip"}
FREE_SHARE = 0.2
CELL_LINES = 25
CODE_LINES = 240
WORDS = (600, 2200)
LINE = 100
BYTES = 1_000_000
ALT = 20


def code_cells(nb):
    """(position counted from 1, cell) of the code cells, as a reader counts them."""
    return list(enumerate((c for c in nb.cells if c.cell_type == "code"), 1))


def _named(n, cell):
    return f"code cell {n} (id {cell.get('id')})"


def _tags(cell):
    return set(cell.metadata.get("tags", []))


def _note(cell, key):
    return str(cell.metadata.get("llcourse", {}).get(key, "")).strip()


def _html(output):
    """The HTML of an output, without the bytes of pictures in it."""
    return re.sub(r"(data:image/\w+;base64,)[A-Za-z0-9+/=]+", r"\1", output.get("data", {}).get("text/html", ""))


def alts(html):
    """The alt text, perhaps "", of every <img>: what a screen reader gets in JupyterLab and in nbconvert's HTML."""
    found, parser = [], HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tag == "img" and found.append(dict(attributes).get("alt") or "")
    parser.feed(html)
    return found


def _texts(output):
    """Every text in an output: streams, text/plain, text/html, errors; not the bytes of a picture."""
    if output.output_type == "stream":
        return [output.text]
    if output.output_type == "error":
        return [output.evalue, *output.traceback]
    return [text for kind, text in output.data.items() if kind.startswith("text/") and kind != "text/html"] + [
        _html(output)]


def executed_in_order(nb):
    """nbval passes a cell without a count unseen: an output that was never made is never compared."""
    for n, cell in code_cells(nb):
        if cell.execution_count != n:
            yield (f"{_named(n, cell)} has execution count {cell.execution_count}, not {n}: "
                   "run the chapter top to bottom")


def no_stderr(nb):
    for n, cell in code_cells(nb):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield f"{_named(n, cell)} wrote to stderr: {output.text[:60]!r}"


def no_errors(nb):
    for n, cell in code_cells(nb):
        expected = "raises-exception" in _tags(cell) and _note(cell, "reason")
        for output in cell.outputs:
            if output.output_type == "error" and not expected:
                yield (f"{_named(n, cell)} ends in {output.ename}: mend it, or tag it raises-exception "
                       "and give a reason in metadata.llcourse.reason")


def tags_not_comments(nb):
    for n, cell in code_cells(nb):
        if re.search(r"^\s*#+\s*(NBVAL|PYTEST_VALIDATE)_", cell.source, re.MULTILINE):
            yield f"{_named(n, cell)} has an nbval comment: a word after it would disable it, use a tag"


def free_cells(nb):
    cells = code_cells(nb)
    free = [(n, cell) for n, cell in cells if _tags(cell) & FREE_TAGS]
    for n, cell in free:
        if not _note(cell, "reason"):
            yield f"{_named(n, cell)} is not compared and gives no reason in metadata.llcourse.reason"
    if len(free) > FREE_SHARE * len(cells):
        yield f"{len(free)} of {len(cells)} code cells are not compared; at most {FREE_SHARE:.0%}"


def llcourse_before_torch(nb):
    """Threads of torch read how to wait when torch is loaded; llcourse has set it by then."""
    for n, cell in code_cells(nb):
        found = re.search(r"^(?:import|from) +(torch|llcourse)\b", cell.source, re.MULTILINE)
        if found:
            if found[1] == "torch":
                yield f"{_named(n, cell)} imports torch before llcourse, which sets how torch's threads wait"
            return


def no_semicolon(nb):
    for n, cell in code_cells(nb):
        if cell.source.rstrip().endswith(";"):
            yield f"{_named(n, cell)} ends in ';', which hides nothing from nbval: assign the result to a name"


def no_output_history(nb):
    to_python = TransformerManager().transform_cell  # magics and !commands
    for n, cell in code_cells(nb):
        for node in ast.walk(ast.parse(to_python(cell.source))):
            if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
                    and re.fullmatch(r"_+|_i?\d+|Out|In", node.id)):
                yield f"{_named(n, cell)} reads an earlier result through {node.id}, which nbval does not keep"


def cell_length(nb):
    for n, cell in code_cells(nb):
        lines = len(cell.source.splitlines())
        if lines > CELL_LINES:
            yield f"{_named(n, cell)} has {lines} lines; at most {CELL_LINES}"


def chapter_length(nb):
    words = sum(len(c.source.split()) for c in nb.cells if c.cell_type == "markdown")
    lines = sum(bool(line.strip()) for _, cell in code_cells(nb) for line in cell.source.splitlines())
    if not WORDS[0] <= words <= WORDS[1]:
        yield f"the text has {words} words; a chapter has {WORDS[0]} to {WORDS[1]}"
    if lines > CODE_LINES:
        yield f"the code has {lines} lines; at most {CODE_LINES}"


def nothing_remote(nb):
    """A page must be whole without a network: no picture, script, style or frame from a host."""
    remote = re.compile(r"""!\[[^\]]*\]\(\s*<?(https?:)?//|<(img|script|iframe|link|video|source)\b[^>]*(https?:)?//
                        |<script\b|url\(\s*['"]?(https?:)?//|@import""", re.IGNORECASE | re.VERBOSE)
    definition = re.compile(r"!\[[^\]]*\]\[")
    for position, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "markdown" and (remote.search(cell.source) or definition.search(cell.source)):
            yield f"cell {position} (id {cell.get('id')}) loads a picture or script that is not in the checkout"
        for output in cell.get("outputs", []):
            if remote.search(_html(output)) or "application/javascript" in output.get("data", {}):
                yield f"cell {position} (id {cell.get('id')}) has an output that loads a picture or script"


def figures(nb):
    """Figures are PNG (SVG text holds dates and random ids), each with words for those who cannot see it."""
    for n, cell in code_cells(nb):
        for output in cell.outputs:
            kinds, html = output.get("data", {}), _html(output)
            if "image/svg+xml" in kinds or "<svg" in html:
                yield f"{_named(n, cell)} has an SVG output; figures are PNG"
            words = alts(html)
            if any(kind.startswith("image/") for kind in kinds) and not words or any(len(alt) < ALT for alt in words):
                yield (f"{_named(n, cell)} shows a figure without an alt text of at least {ALT} characters: "
                       "llcourse.course.show(figure, alt) shows both")


def clean_metadata(nb):
    if nb.metadata.get("kernelspec", {}).get("name") != "python3":
        yield f"the kernel is {nb.metadata.get('kernelspec', {}).get('name')!r}, not 'python3'"
    if "widgets" in nb.metadata:
        yield "the metadata holds widget state, which stops GitHub from showing the notebook"
    for n, cell in code_cells(nb):
        if "execution" in cell.metadata:
            yield (f"{_named(n, cell)} holds execution times in its metadata: "
                   "`python -m llcourse run --inplace` leaves none")


def same_everywhere(nb):
    """Outputs that differ on the next machine or day; free cells may hold versions, but no path either."""
    machine = {
        "an absolute path": r"(?<![\w/:.])/(home|Users|root|tmp|work|opt|mnt|usr|var|private|content|data)/\w"
                            r"|\b[A-Z]:\\\w",
        "a memory address": r"\b0x[0-9a-fA-F]{6,}\b",
        "a date": r"\b20\d\d-[01]\d-[0-3]\d\b|\b\d{1,2}:\d\d:\d\d\b",
        "a progress bar": r"\d+%\s*\||[█▏▎▍▌▋▊▉]|\d+/\d+ \[\d+:\d\d|it/s\b",
    }
    for n, cell in code_cells(nb):
        for output in cell.outputs:
            for text in _texts(output):
                for what, pattern in machine.items():
                    hit = re.search(pattern, text)
                    if hit:
                        yield f"{_named(n, cell)} has {what} in its output: {hit.group(0)!r}"


def printed_lines(nb):
    """What is printed fits an output cell: a longer line wraps, and a table falls apart."""
    for n, cell in code_cells(nb):
        for output in cell.outputs:
            text = output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")
            for line in text.splitlines():
                if len(line) > LINE:
                    yield f"{_named(n, cell)} printed a line of {len(line)} characters; at most {LINE}: {line[:40]!r}"


RULES = [executed_in_order, no_stderr, no_errors, tags_not_comments, free_cells, llcourse_before_torch, no_semicolon,
         no_output_history, cell_length, chapter_length, printed_lines, nothing_remote, figures, clean_metadata,
         same_everywhere]
