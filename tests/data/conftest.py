"""Small image sets in the official formats, a host that serves them well or badly, and no way to the real
network."""

import hashlib
import io
import pickle
import tarfile
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
from PIL import Image

from llcourse.data import fetch, sources
from llcourse.data.sets import SETS
from tests import disks


@pytest.fixture(autouse=True)
def own_world(tmp_path, monkeypatch):
    """No settings from outside, no shared cache, and mirrors that nobody can reach unless a test names its
    own."""
    for variable in ("LLCOURSE_DATA", "LLCOURSE_OFFLINE", "LLCOURSE_MIRROR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.setenv("LLCOURSE_PROGRESS", "0")
    monkeypatch.setattr(sources, "_standin_loaded", False)
    for name, image_set in SETS.items():
        monkeypatch.setitem(SETS, name, replace(image_set, mirrors=()))
        cls = getattr(torchvision.datasets, image_set.dataset)
        if image_set.unpacked:
            monkeypatch.setattr(cls, "url", f"http://127.0.0.1:9/{cls.filename}")
        else:
            monkeypatch.setattr(
                cls,
                "split_list",
                {
                    split: [f"http://127.0.0.1:9/{file}", file, md5]
                    for split, (_, file, md5) in cls.split_list.items()
                },
            )


@pytest.fixture
def root(tmp_path):
    """A data folder with something in it, as data/ of the checkout has."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "README.md").write_text("images go here")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A data folder on a file system of its own, of 1 MB."""
    with disks.small(tmp_path / "small", "1m") as folder:
        (folder / "README.md").write_text("images go here")
        yield folder


@pytest.fixture
def published(monkeypatch):
    """A function: name of a set -> {file name: bytes} of a small one in its official format, known to
    torchvision."""

    def publish(name, train=40, test=20):
        image_set = SETS[name]
        cls = getattr(torchvision.datasets, image_set.dataset)
        members, md5 = FORMATS[name](image_set, np.random.default_rng(3), train, test), {}
        for member, content in members.items():
            md5[member] = hashlib.md5(content).hexdigest()
        if not image_set.unpacked:
            monkeypatch.setitem(SETS, name, replace(image_set, sizes=tuple(len(members[f]) for f in image_set.files)))
            monkeypatch.setattr(
                cls,
                "split_list",
                {
                    split: [url, file, md5[file]]
                    for split, (url, file, _) in cls.split_list.items()
                    if file in md5
                },
            )
            return members
        monkeypatch.setattr(cls, "train_list", [[m, h] for m, h in md5.items() if m in dict(cls.train_list)])
        monkeypatch.setattr(cls, "test_list", [[m, md5[m]] for m, _ in cls.test_list])
        if name.startswith("cifar"):
            monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": md5[cls.meta["filename"]]})
        packed = _tar(image_set.unpacked, members)
        monkeypatch.setitem(SETS, name, replace(image_set, sizes=(len(packed),)))
        monkeypatch.setattr(cls, "tgz_md5", hashlib.md5(packed).hexdigest())
        return {cls.filename: packed}

    return publish


def _cifar(image_set, rng, train, test):
    fine = image_set.name == "cifar100"
    names = (
        (["train"], "test", "meta")
        if fine
        else ([f"data_batch_{i}" for i in range(1, 6)], "test_batch", "batches.meta")
    )

    def batch(size):
        labels = [int(i) % len(image_set.classes) for i in range(size)]
        return pickle.dumps(
            {
                "data": rng.integers(0, 256, (size, 3072), np.uint8),
                "fine_labels" if fine else "labels": labels,
            }
        )

    members = {name: batch(train // len(names[0])) for name in names[0]} | {names[1]: batch(test)}
    return members | {
        names[2]: pickle.dumps({"fine_label_names" if fine else "label_names": list(image_set.classes)})
    }


def _svhn(image_set, rng, train, test):
    def split(size):
        stream = io.BytesIO()
        labels = np.arange(size)[:, None] % 10
        scipy.io.savemat(
            stream,
            {
                "X": rng.integers(0, 256, (32, 32, 3, size), np.uint8),
                "y": np.where(labels == 0, 10, labels).astype(np.uint8),
            },
        )
        return stream.getvalue()

    return {"train_32x32.mat": split(train), "test_32x32.mat": split(test)}


def _stl10(image_set, rng, train, test):
    def pixels(size):
        return rng.integers(0, 256, (size, 3, 96, 96), np.uint8).tobytes()

    def labels(size):
        return (np.arange(size) % 10 + 1).astype(np.uint8).tobytes()

    return {
        "train_X.bin": pixels(train),
        "train_y.bin": labels(train),
        "unlabeled_X.bin": pixels(2),
        "test_X.bin": pixels(test),
        "test_y.bin": labels(test),
    }


FORMATS = {"cifar10": _cifar, "cifar100": _cifar, "svhn": _svhn, "stl10": _stl10}


def _tar(folder, members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


class Host:
    """A web server on the loopback. Faults: break_off (bytes after which each of the next answers ends),
    resumes, pause (seconds before every 4 kB)."""

    def __init__(self):
        self.files, self.asked, self.break_off, self.resumes, self.pause = {}, [], [], True, 0.0
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name, wanted = self.path.rsplit("/", 1)[-1], self.headers.get("Range")
                host.asked.append((name, wanted))
                if name not in host.files:
                    return self.send_error(404)
                content, start = host.files[name], 0
                if wanted and host.resumes:
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    if start >= len(content):
                        return self.send_error(416)
                self.send_response(206 if wanted and host.resumes else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                sent = content[start:][: host.break_off.pop(0) if host.break_off else None]
                for at in range(0, len(sent), 4096):
                    time.sleep(host.pause)
                    self.wfile.write(sent[at : at + 4096])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hosts():
    """A function that starts one more Host."""
    started = []
    yield lambda: started.append(Host()) or started[-1]
    for host in started:
        host.close()


@pytest.fixture
def host(hosts, monkeypatch):
    """The Host that LLCOURSE_MIRROR names."""
    one = hosts()
    monkeypatch.setenv("LLCOURSE_MIRROR", one.url)
    monkeypatch.setattr(fetch, "PATIENCE", 1.0)
    return one


@pytest.fixture
def image_folder(root):
    """A function that writes a small ImageFolder copy of CIFAR-10 below `root` and returns its folder."""

    def write(name="cifar10-jpeg", image_set=SETS["cifar10"], train=3, test=2):
        rng = np.random.default_rng(4)
        for split, size in (("train", train), ("test", test)):
            for label, c in enumerate(image_set.classes):
                folder = root / name / split / c
                folder.mkdir(parents=True)
                for i in range(size):
                    pixels = rng.integers(0, 256, (image_set.side, image_set.side, 3), np.uint8)
                    pixels[0, 0] = label
                    Image.fromarray(pixels).save(folder / f"{i:04}.png")
        return root / name

    return write
