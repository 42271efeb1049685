"""Hosts that answer badly: the next one is asked, what had arrived stays, and nothing grows beyond the file's size."""

import socketserver
import threading
import time

import pytest

from llcourse import data
from llcourse.data import fetch
from llcourse.data.errors import Unavailable
from llcourse.data.sets import SETS

ARCHIVE, HAD = "cifar-10-python.tar.gz", 9000
PAGE = b"<html>Please log in</html>"


def answer(status, *headers, body=b""):
    return b"\r\n".join([f"HTTP/1.1 {status}".encode(), *(header.encode() for header in headers), b"", body])


def chunked(body, step=1000):
    parts = [body[at:at + step] for at in range(0, len(body), step)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


class Hostile(socketserver.ThreadingTCPServer):
    """Answers every request with the same bytes, and then with zeros for ever if it is endless."""

    daemon_threads = True

    def __init__(self, reply, endless=False):
        self.asked, self.sent, server = 0, 0, self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                server.asked += 1
                while self.rfile.readline().strip():
                    pass
                try:
                    self.wfile.write(reply)
                    while endless and server.sent < 1 << 28:
                        server.sent += self.request.send(bytes(1 << 16))
                except OSError:
                    pass  # the other side has heard enough

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def hostile(monkeypatch):
    """A function that starts a Hostile and makes it the first mirror."""
    started = []

    def start(reply, endless=False):
        server = Hostile(reply, endless)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("LLCOURSE_MIRROR", server.url)
        monkeypatch.setattr(fetch, "PATIENCE", 1.0)
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def good(hosts, published, monkeypatch):
    """A host with the archive, asked after every mirror."""
    host = hosts()
    host.files = published("cifar10")
    monkeypatch.setattr("torchvision.datasets.CIFAR10.url", f"{host.url}/{ARCHIVE}")
    return host


LENGTH, CHUNKED = f"Content-Length: {len(PAGE)}", "Transfer-Encoding: chunked"
REPLIES = {
    "a login page": answer("200 OK", LENGTH, body=PAGE),
    "a login page as a part": answer("206 Partial Content", LENGTH, body=PAGE),
    "a page of unknown length": answer("200 OK", "Connection: close", body=PAGE),
    "a part of unknown length": answer("206 Partial Content", "Connection: close", body=PAGE),
    "a page in chunks": answer("200 OK", CHUNKED, body=chunked(PAGE)),
    "chunks of no size": answer("200 OK", CHUNKED, body=b"many\r\nabc\r\n"),
    "an empty answer": answer("200 OK", "Content-Length: 0"),
    "404": answer("404 Not Found", LENGTH, body=PAGE),
    "416 for ever": answer("416 Range Not Satisfiable", "Content-Length: 0"),
    "500": answer("500 Internal Server Error", "Content-Length: 0"),
    "a circle": answer("302 Found", f"Location: /{ARCHIVE}", "Content-Length: 0"),
    "a length that is no number": answer("200 OK", "Content-Length: many", body=PAGE),
    "a length below zero": answer("206 Partial Content", "Content-Length: -5", body=PAGE),
    "two lengths": answer("200 OK", LENGTH, "Content-Length: 99999999", body=PAGE),
    "no HTTP": b"\x00\xff" * 5000,
    "nothing": b"",
    "many headers": answer("200 OK", *(f"X-{i}: {i}" for i in range(200)), body=PAGE),
}
ENDLESS = {
    "zeros for ever": answer("200 OK", "Connection: close"),
    "a part for ever": answer("206 Partial Content", "Connection: close"),
    "more than any disk holds": answer("200 OK", f"Content-Length: {1 << 60}"),
    "a header for ever": b"HTTP/1.1 200 OK\r\nX-Long: ",
}


@pytest.mark.parametrize("had", [0, HAD])
@pytest.mark.parametrize("reply", [*REPLIES, *ENDLESS])
def test_the_next_host_goes_on_where_an_earlier_download_stopped(hostile, good, root, reply, had):
    server = hostile((REPLIES | ENDLESS)[reply], reply in ENDLESS)
    whole = good.files[ARCHIVE]
    if had:
        (root / f"{ARCHIVE}.part").write_bytes(whole[:had])
    began = time.monotonic()
    fetch.fetch(SETS["cifar10"], root)
    assert (root / ARCHIVE).read_bytes() == whole and time.monotonic() - began < 10
    assert good.asked == [(ARCHIVE, f"bytes={had}-" if had else None)]
    assert 1 <= server.asked <= 12 and server.sent < 1 << 25  # urllib follows ten redirections
    assert sorted(path.name for path in root.iterdir() if "cifar" in path.name and path.name[0] != ".") == [ARCHIVE]


def test_without_another_host_what_had_arrived_stays(hostile, published, root):
    whole = published("cifar10")[ARCHIVE]
    server = hostile(REPLIES["a page of unknown length"])
    (root / f"{ARCHIVE}.part").write_bytes(whole[:HAD])
    with pytest.raises(Unavailable, match=f"broke off after {len(PAGE)} of .*kept in .*{ARCHIVE}.part"):
        fetch.fetch(SETS["cifar10"], root)
    assert server.asked == 1 and (root / f"{ARCHIVE}.part").read_bytes() == whole[:HAD]
    assert not (root / f"{ARCHIVE}.fresh").exists()


def test_a_host_that_does_not_resume_and_breaks_off_early_costs_nothing(host, published, root):
    host.files, host.resumes, host.break_off = published("cifar10"), False, [5000, 5000]
    (root / f"{ARCHIVE}.part").write_bytes(host.files[ARCHIVE][:HAD])
    with pytest.raises(Unavailable, match="broke off after 5,000 of"):
        fetch.fetch(SETS["cifar10"], root)
    assert (root / f"{ARCHIVE}.part").read_bytes() == host.files[ARCHIVE][:HAD] and len(host.asked) == 1


@pytest.mark.parametrize("had", [0, HAD])
def test_a_host_that_will_not_say_how_much_it_sends_may_have_the_file(hostile, published, root, had):
    whole = published("cifar10")[ARCHIVE]
    server = hostile(answer("200 OK", CHUNKED, body=chunked(whole)))
    (root / f"{ARCHIVE}.part").write_bytes(whole[:had])
    fetch.fetch(SETS["cifar10"], root)
    assert (root / ARCHIVE).read_bytes() == whole and server.asked == 1


def test_a_whole_partial_file_is_recognised_before_anybody_is_asked(host, published, root):
    host.files = published("cifar10")
    (root / f"{ARCHIVE}.part").write_bytes(host.files[ARCHIVE])
    (root / f"{ARCHIVE}.fresh").write_bytes(b"of a process that was killed")
    fetch.fetch(SETS["cifar10"], root)
    assert host.asked == [] and (root / ARCHIVE).read_bytes() == host.files[ARCHIVE]
    assert not (root / f"{ARCHIVE}.part").exists() and not (root / f"{ARCHIVE}.fresh").exists()


def test_another_file_of_the_same_size_is_fetched_anew(host, published, root):
    host.files = published("cifar10")
    (root / f"{ARCHIVE}.part").write_bytes(bytes(len(host.files[ARCHIVE])))
    fetch.fetch(SETS["cifar10"], root)
    assert host.asked == [(ARCHIVE, None)] and (root / ARCHIVE).read_bytes() == host.files[ARCHIVE]


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), NotImplementedError("no flock"),
                                   PermissionError(13, "Permission denied")], ids=str)
def test_without_locks_a_file_is_fetched_all_the_same(host, published, root, monkeypatch, capsys, error):
    def refuse(*_, **__):
        raise error

    host.files = published("cifar10")
    monkeypatch.setattr(fetch.FileLock, "acquire", refuse)
    fetch.fetch(SETS["cifar10"], root)
    assert (root / ARCHIVE).read_bytes() == host.files[ARCHIVE]
    assert f"cannot be locked ({error}); fetch {ARCHIVE} in one process at a time" in capsys.readouterr().out


def test_a_partial_file_that_is_a_folder_is_named(host, published, root):
    host.files = published("cifar10")
    (root / f"{ARCHIVE}.part").mkdir()
    with pytest.raises(data.DataError, match=rf"cannot write to .*{ARCHIVE}.part \(Is a directory\)"):
        fetch.fetch(SETS["cifar10"], root)


@pytest.mark.parametrize("had", [0, HAD])
def test_a_disk_that_fills_while_a_file_arrives_is_named(host, published, small_disk, had):
    host.files = published("cifar10", train=500)
    whole = host.files[ARCHIVE]
    (small_disk / f"{ARCHIVE}.part").write_bytes(whole[:had])
    missing = f"{(len(whole) - had) / 1e6:,.1f}"
    with pytest.raises(data.DataError, match=rf"no space left in {small_disk}: {missing} MB more.*is gone on from"):
        data.load("cifar10", root=small_disk)
    kept = (small_disk / f"{ARCHIVE}.part").read_bytes()
    assert len(kept) > 500_000 and whole.startswith(kept)


def test_a_disk_that_fills_while_an_archive_is_unpacked_is_named(published, small_disk):
    (small_disk / ARCHIVE).write_bytes(published("cifar10", train=200)[ARCHIVE])
    with pytest.raises(data.DataError, match=rf"no space left in {small_disk}: .*{ARCHIVE} is whole and stays"):
        data.load("cifar10", root=small_disk)
    assert sorted(path.name for path in small_disk.iterdir()) == ["README.md", ARCHIVE]
