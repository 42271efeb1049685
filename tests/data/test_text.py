"""A text: which files are unseen, the windows that are read, and what is refused."""

import hashlib
import os
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from llcourse import __main__, data
from llcourse.data import DataError, Text, textfiles
from llcourse.data.images import Source

LINES = [f"{n}: the quick brown fox jumps over the lazy dog\n" for n in range(40)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def folder(tmp_path):
    """20 files in two folders, no two alike."""
    for n in range(20):
        file = tmp_path / "novels" / f"volume{n % 2}" / f"{n}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"<{n}>" + "".join(LINES[n:n + 15]))
    return tmp_path / "novels"


def test_the_library_is_read_without_its_tests_and_what_programs_wrote():
    found = textfiles.find()
    assert found.kind == "library" and sys.version.split()[0] in found.name
    names = {*found.train, *found.unseen}
    assert {"argparse.py", "json/decoder.py"} < names and len(names) > 300
    parts = {part for name in names for part in Path(name).parts}
    assert not parts & {"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data"}
    assert not any(part.startswith(("_sysconfigdata", "config-")) for part in parts)
    one = next(iter(found.unseen))
    assert found.unseen[one] == Path(sysconfig.get_path("stdlib"), one).read_bytes()


@pytest.mark.parametrize("source", ["library", "folder"])
def test_no_file_is_shared_and_about_a_tenth_is_unseen(source, folder):
    found = textfiles.find(None if source == "library" else folder)
    assert not found.train.keys() & found.unseen.keys()
    assert not {*found.train.values()} & {*found.unseen.values()}
    unseen, every = (sum(map(len, files.values())) for files in (found.unseen, found.train | found.unseen))
    assert 0.09 < unseen / every < 0.2


def test_a_copy_of_an_unseen_file_is_not_trained_on(folder):
    before = textfiles.find(folder)
    for n, text in enumerate([*before.unseen.values(), *before.train.values()] * 3):
        (folder / f"copy {n}").write_bytes(text)  # some of these names come on the other side
    found = textfiles.find(folder)
    assert not {*found.train.values()} & {*found.unseen.values()}
    assert sorted([*found.train.values(), *found.unseen.values()]) == sorted(
        [*before.train.values(), *before.unseen.values()])


def test_which_files_are_unseen_follows_from_their_names(folder):
    """Neither a seed, nor a limit, nor another place moves a file from one side to the other."""
    unseen = set(textfiles.find(folder).unseen)
    assert set(textfiles.find(folder.rename(folder.with_name("moved"))).unseen) == unseen
    folder = folder.with_name("moved")
    sorted_bytes = [sorted(data.text(folder, seed=seed, context=8).test_bytes.tolist()) for seed in (0, 1)]
    assert sorted_bytes[0] == sorted_bytes[1]


@pytest.mark.parametrize("sizes", [(50, 60, 90), (1200, 900), (1000, 10)])  # more than a fifth each; a speck beside
def test_where_files_are_few_and_large_the_last_lines_of_each_are_unseen(tmp_path, sizes):
    for name, size in zip("abc", sizes):
        (tmp_path / name).write_text(name * size)
    found = textfiles.find(tmp_path)
    for name, size in zip("abc", sizes):
        assert [len(found.train[name]), len(found.unseen[name])] == [size - size // 10, size // 10]


def test_the_same_seed_gives_the_same_text_and_a_smaller_one_lies_inside_a_larger(folder):
    small, again, large, other = (data.text(folder, train=train, test=500, context=16, seed=seed) for train, seed in
                                  ((2000, 3), (2000, 3), (4000, 3), (2000, 4)))
    assert small.digest() == again.digest() != other.digest() and small.digest() != large.digest()
    assert torch.equal(small.train_bytes, large.train_bytes[:2000]) and len(small.test_bytes) == 500
    assert small.source == other.source  # the checksum is of all files
    whole = textfiles.find(folder)
    assert small.source.sizes == tuple(sum(map(len, files.values())) for files in (whole.train, whole.unseen))
    assert data.text(folder, train=2000, test=500, context=17, seed=3).digest() != small.digest()


def test_the_checksum_is_of_names_and_contents(folder):
    before, expected = textfiles.find(folder).sha256, hashlib.sha256()
    for file in sorted(folder.rglob("*.txt")):
        text = file.read_bytes()
        expected.update(file.relative_to(folder).as_posix().encode() + f"\0{len(text)}\0".encode() + text)
    assert before == expected.hexdigest()
    (folder / "volume0" / "0.txt").write_text("another")
    assert textfiles.find(folder).sha256 != before


def test_of_one_file_the_last_lines_are_unseen(tmp_path):
    (tmp_path / "book.txt").write_text("".join(LINES))
    for source in (tmp_path / "book.txt", tmp_path):  # a folder of one file is that file
        text = data.text(source, context=8)
        assert bytes(text.train_bytes.tolist() + text.test_bytes.tolist()).decode() == "".join(LINES)
        assert bytes(text.test_bytes.tolist()).decode().startswith("36: ") and text.source.kind == "file"
    (tmp_path / "book.txt").write_text("no line ends here " * 10)
    assert len(data.text(tmp_path / "book.txt", context=8).test_bytes) == 18


def test_the_data_folder_may_hold_a_text(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
    assert data.text(test=1000).source.kind == "library"
    (tmp_path / "text.txt").write_text("".join(LINES))
    assert data.text(context=8).name == "text.txt"
    folder.rename(tmp_path / "text")
    assert (data.text(context=8).name, data.text(context=8).source.kind) == ("text", "folder")
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere is not there"):
        data.text()


def test_windows_are_the_text_and_labels_are_the_next_bytes(folder):
    text = data.text(folder, context=16)
    whole = bytes(text.train_bytes.tolist())
    batches = list(text.batches(7, generator()))
    assert sum(len(x) for x, _ in batches) == text.train_size == (len(whole) - 1) // 16
    for x, y in batches:
        assert x.dtype == y.dtype == torch.int64 and x.shape == y.shape == (len(x), 16)
        for a, b in zip(x.tolist(), y.tolist()):
            assert bytes(a + b[-1:]) in whole and b[:-1] == a[1:]


def test_every_place_of_the_text_is_drawn():
    """Positions 0 and n - context - 1, the last with a next byte, among them."""
    ramp = torch.arange(11, dtype=torch.uint8)
    text = Text("ramp", ramp, ramp, Source("file", "here", "0"), context=3)
    drawn = {tuple(row) for seed in range(60) for x, y in text.batches(2, generator(seed))
             for row in torch.cat([x, y[:, -1:]], 1).tolist()}
    assert drawn == {tuple(range(start, start + 4)) for start in range(8)}


def test_batches_follow_the_generator_alone(folder):
    text, before = data.text(folder, context=16), torch.get_rng_state()
    one, same, other = (torch.cat([x for x, _ in text.batches(8, generator(seed))]) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other) and torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ValueError, match="generator is None; it is a torch.Generator on cpu"):
        next(text.batches(8, None))
    with pytest.raises(ValueError, match="batch is 1"):
        next(text.batches(1, generator()))


def test_a_text_holds_two_windows_and_one_to_test_on():
    """With the byte behind the last of them; one byte less is refused."""
    held, source = torch.arange(9, dtype=torch.uint8), Source("file", "here", "0")
    text = Text("t", held, held[:5], source, context=4)
    assert text.train_size == 2 and len(next(text.test_batches())[0]) == 1
    for sizes in ((8, 5), (9, 4)):
        with pytest.raises(DataError, match="are the least: give more text, or a shorter context"):
            Text("t", *(held[:n] for n in sizes), source, context=4)


def test_one_window_alone_is_left_out():
    """As of images, so that a run counts the same steps."""
    text = Text("t", torch.zeros(9 * 4 + 1, dtype=torch.uint8), torch.zeros(9, dtype=torch.uint8),
                Source("file", "here", "0"), context=4)
    assert text.train_size == 9 and [len(x) for x, _ in text.batches(4, generator())] == [4, 4]


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_test_windows_lie_side_by_side(batch):
    bytes_ = torch.arange(23, dtype=torch.uint8)
    text = Text("ramp", bytes_, bytes_, Source("file", "here", "0"), context=5)
    x, y = (torch.cat(parts) for parts in zip(*text.test_batches(batch)))
    assert x.flatten().tolist() == list(range(20)) and y.flatten().tolist() == list(range(1, 21))
    assert torch.equal(text.sample()[0], x)


@pytest.mark.parametrize("make, words", [
    (lambda path: path.write_bytes(b"GIF89a\0\0"), "no plain text: byte 6 is NUL"),
    (lambda path: path.write_text("word " * 100, encoding="utf-16"), "is NUL, as in binary files and in UTF-16"),
    (lambda path: path.write_text("été " * 100, encoding="latin-1"), "byte 0 is no UTF-8. Save it as UTF-8"),
    (lambda path: path.write_text(""), "text is empty"),
    (lambda path: path.write_text("short"), r"text has 5 training bytes.* at a context of 128 257 are the least"),
    (lambda path: path.write_text("x" * 900), r"text has 90 unseen bytes; at a context of 128 129 are the least"),
    (lambda path: None, "text is not there"),
    (lambda path: path.mkdir(), "holds no text"),
    (lambda path: path.symlink_to("nothing"), "a link that leads nowhere"),
    (os.mkfifo, "neither a file nor a folder"),
], ids=["binary", "utf-16", "latin-1", "empty", "short", "unseen short", "missing", "empty folder", "link", "pipe"])
def test_what_is_no_text_is_refused(tmp_path, make, words):
    make(path := tmp_path / "text")
    with pytest.raises(DataError, match=words):
        data.text(path)


def test_a_binary_file_in_a_folder_is_named_and_what_is_hidden_is_not_read(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "index").write_bytes(b"\0")
    (folder / ".DS_Store").write_bytes(b"\0")
    data.text(folder, context=8)
    (folder / "volume1" / "cover.png").write_bytes(b"\x89PNG\0")
    with pytest.raises(DataError, match="cover.png is no plain text"):
        data.text(folder, context=8)


def test_files_that_are_all_alike_cannot_be_split(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text("the same")
    with pytest.raises(DataError, match="all files in .* have the same contents"):
        data.text(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_named(tmp_path):
    (tmp_path / "text").write_text("secret")
    (tmp_path / "text").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        data.text(tmp_path / "text")


def test_what_the_system_refuses_is_a_data_error(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"cannot be used \(Permission denied\)"):
        data.text(folder)


def test_a_python_without_its_source_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(textfiles.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DataError, match="without the source code of its library"):
        data.text()


@pytest.mark.parametrize("given, error, words", [
    ({"train": 0}, ValueError, "train is 0"), ({"test": 10**9}, DataError, "test is 1,000,000,000 bytes; Python"),
    ({"context": 0}, ValueError, "context is 0"), ({"seed": -1}, ValueError, "seed is -1"),
    ({"device": "abacus"}, ValueError, "device is 'abacus'"), ({"source": 7}, ValueError, "source is 7"),
    ({"source": ""}, ValueError, "source is ''"),
    ({"source": "a\0b"}, ValueError, "it is the path of a text file"),
    ({"train": 200}, DataError, "has 200 training bytes; at a context of 128 257 are the least"),
], ids=str)
def test_arguments_that_cannot_be(given, error, words):
    with pytest.raises(error, match=words):
        data.text(**given)


@pytest.mark.parametrize("change, words", [
    ({"train_bytes": torch.zeros(50)}, r"train_bytes is torch.float32 \(50,\)"),
    ({"test_bytes": [1, 2]}, "test_bytes is list"), ({"source": "here"}, "source is 'here'"),
])
def test_a_text_of_ones_own_is_checked(change, words):
    right = {"train_bytes": torch.zeros(50, dtype=torch.uint8), "test_bytes": torch.zeros(50, dtype=torch.uint8),
             "source": Source("file", "here", "0")}
    with pytest.raises(ValueError, match=words):
        Text("mine", context=4, **right | change)


def test_the_command_says_what_is_there(capsys, monkeypatch, tmp_path):
    assert __main__.main(["data", "text"]) == 0
    printed = capsys.readouterr().out
    found = textfiles.find()
    assert found.name in printed and found.sha256 in printed and "bytes to train on" in printed
    (tmp_path / "text").write_bytes(b"\0")
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
    assert __main__.main(["data", "text"]) == 1 and "is NUL" in capsys.readouterr().out
