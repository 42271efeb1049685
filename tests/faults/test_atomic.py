"""Files that are written while somebody else writes there too."""

import json
import os
import secrets
import stat
import threading

import pytest
import torch

from llcourse import checkpoint, results
from llcourse.atomic import replacing


def test_a_link_of_the_temporary_name_is_not_followed(tmp_path, monkeypatch):
    victim, file = tmp_path / "victim", tmp_path / "a.json"
    victim.write_text("mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0")  # even where the name was guessed
    with replacing(tmp_path / "a.json") as partial:
        guessed = partial.name
        partial.write_text("{}")
    file.unlink()
    (tmp_path / guessed).symlink_to(victim)
    with pytest.raises(FileExistsError):
        results.write(file, {"x": 1})
    assert victim.read_text() == "mine" and not file.exists()


def test_temporary_names_differ_from_write_to_write(tmp_path):
    names = set()
    for _ in range(20):
        with replacing(tmp_path / "a") as partial:
            names.add(partial.name)
    assert len(names) == 20


def test_threads_may_write_one_file(tmp_path):
    file, errors = tmp_path / "a.json", []

    def write(n):
        try:
            for _ in range(20):
                results.write(file, {"n": n, "padding": [n] * 500})
                whole = json.loads(file.read_text())
                assert set(whole["padding"]) == {whole["n"]}
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
@pytest.mark.parametrize("write", [lambda path: results.write(path, {"x": 1}),
                                   lambda path: checkpoint.save(path, {"x": torch.zeros(1)}, {})])
def test_files_get_the_mode_of_the_umask(tmp_path, umask, write):
    before = os.umask(umask)
    try:
        write(tmp_path / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask
