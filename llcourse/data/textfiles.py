"""Plain text on disk: which files there are, what they hold, and which of them stay unseen."""

import os
import platform
import sysconfig
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .. import paths
from .errors import DataError, readable, there

UNSEEN = 10  # one byte in so many is kept for the test
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test",  # not the library's own; its tests
            "encodings", "pydoc_data", "__pycache__"}  # tables that a program wrote
GENERATED = "_sysconfigdata", "config-"  # names that begin so: how this Python was built


@dataclass(frozen=True)
class Found:
    """What a source of text holds.

    kind: "library", "folder" or "file".   name: for people.   where: the path.   train, unseen: {file: its bytes};
    of a single file, or of each where they are few, its first lines and its last ones.   sha256: of all files, their
    names and contents.
    """

    kind: str
    name: str
    where: str
    train: dict
    unseen: dict
    sha256: str


def find(source=None):
    """The text of `source`, a file or a folder. None: `text` or `text.txt` in the data folder if it is there, else
    the source code of Python's standard library. Raises DataError for what is no text, ValueError for no path."""
    if source is None:
        source = _in_data_folder()
    if source is None:
        return _library()
    try:
        path = Path(source or None).expanduser()  # an empty text would name the current folder
        with readable(path):
            return _folder(path) if path.is_dir() else _file(path)
    except (TypeError, RuntimeError, ValueError) as error:  # no path, no such user's home, a NUL in a name
        raise ValueError(f"source is {source!r}; it is the path of a text file or of a folder of them, or None for "
                         f"Python's own source code ({error})") from None


def _in_data_folder():
    folder = paths.data()
    if os.environ.get("LLCOURSE_DATA") and not folder.is_dir():
        raise DataError(f"the data folder {folder} is not there; check its name, or leave LLCOURSE_DATA unset")
    with readable(folder):
        return next((path for name in ("text", "text.txt") if there(path := folder / name)), None)


def _library():
    folder = Path(sysconfig.get_path("stdlib"))
    with readable(folder):
        files = {name: text for name, path in _listed(folder, LEFT_OUT, GENERATED)
                 if path.suffix == ".py" and _fault(text := path.read_bytes()) is None}
    if len(files) < 100:
        raise DataError(f"this Python came without the source code of its library ({len(files)} files in {folder}); "
                        "name a text of your own, data.text(\"path\"), or put one into the data folder as text.txt")
    return _split("library", f"Python {platform.python_version()}'s library", folder, files)


def _folder(folder):
    files = {name: _text(path) for name, path in _listed(folder) if path.stat().st_size}
    if not files:
        raise DataError(f"{folder} holds no text: put plain text files there, or name another folder")
    if len(files) == 1:
        return _file(folder / next(iter(files)))
    return _split("folder", folder.resolve().name, folder, files)


def _file(path):
    """The last tenth by lines is unseen: the cut lies behind the last line that ends within the first nine tenths."""
    if not there(path):
        raise DataError(f"{path} is not there; check its name, or name no source for Python's own source code")
    text = _text(path)
    if not text:
        raise DataError(f"{path} is empty; name a file that holds text")
    return Found("file", path.name, str(path), *_cut({path.name: text}), _digest({path.name: text}))


def _cut(files):
    """The first lines of each file, and its last ones, a tenth of its bytes."""
    cuts = {file: len(text) - len(text) // UNSEEN for file, text in files.items()}
    cuts = {file: files[file].rfind(b"\n", 0, cut) + 1 or cut for file, cut in cuts.items()}
    return ({file: text[:cuts[file]] for file, text in files.items()},
            {file: text[cuts[file]:] for file, text in files.items()})


def _listed(folder, left_out=(), generated=()):
    """(name below `folder`, path) of every file, sorted by name; links to folders and what is hidden are left out."""
    found = []
    for at, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if name[0] != "." and name not in left_out
                      and not name.startswith(generated)]
        found += [Path(at, name) for name in files if name[0] != "." and not name.startswith(generated)]
    return sorted((path.relative_to(folder).as_posix(), path) for path in found)


def _raise(error):
    raise error


def _text(path):
    if not path.is_file():
        path.stat()  # a link that leads nowhere says so
        raise DataError(f"{path} is neither a file nor a folder: text is read from plain files")
    text = path.read_bytes()
    if fault := _fault(text):
        raise DataError(f"{path} is no plain text: {fault}. Save it as UTF-8, or move it away")
    return text


def _fault(text):
    """Why these bytes are no text, or None."""
    if b"\0" in text:
        return f"byte {text.index(0):,} is NUL, as in binary files and in UTF-16"
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"byte {error.start:,} is no UTF-8"


def _split(kind, name, folder, files):
    """Files with the same contents count once, under the first name: a copy of an unseen file would have been seen.

    Which are unseen follows from their names alone: in the order of their names' checksums they are taken until they
    hold a tenth of all bytes; one that would lead above a fifth is left for training. Where those left hold less than
    a twentieth, because the others are too large, all files are cut.
    """
    once = {text: file for file, text in reversed(files.items())}
    files = {file: text for file, text in files.items() if once[text] == file and text}
    if len(files) < 2:
        raise DataError(f"all files in {folder} have the same contents: name one of them instead")
    total, held, unseen = sum(map(len, files.values())), 0, set()
    for file in sorted(files, key=lambda file: sha256(os.fsencode(file)).digest()):
        if UNSEEN * held < total and UNSEEN * (held + len(files[file])) <= 2 * total:
            unseen.add(file)
            held += len(files[file])
    if 2 * UNSEEN * held < total:
        return Found(kind, name, str(folder), *_cut(files), _digest(files))
    return Found(kind, name, str(folder), {file: text for file, text in files.items() if file not in unseen},
                 {file: text for file, text in files.items() if file in unseen}, _digest(files))


def _digest(files):
    whole = sha256()
    for file, text in files.items():
        whole.update(os.fsencode(file) + f"\0{len(text)}\0".encode() + text)
    return whole.hexdigest()
