"""Downloading a set's files: resumed, checked, one process at a time, and no long wait for an absent host.

A download grows in `<file>.part` and takes its own name only once its checksum holds.
"""

import http.client
import os
import queue
import threading
import time
import urllib.error
import urllib.request

from filelock import FileLock, Timeout

from ..progress import progress
from . import official
from .errors import DataError, Unavailable, room_for

CONTACT = 12.0  # seconds to hear from a host, all mirrors together
PATIENCE = 30.0  # seconds that a mirror may stay below SLOWEST before the next one is asked
SLOWEST = 50_000  # bytes/s; the last mirror may be slower, as long as something arrives
TRIES = 3  # a mirror that breaks off, yet gave something, is asked again


class _Broken(Exception):
    """One try at one mirror failed; the message says how."""


class _Slow(_Broken):
    """The mirror answers, but is no use."""


def fetch(image_set, root):
    """Download the files of `image_set` into `root`, going on where an earlier download stopped.

    Mirrors in order: $LLCOURSE_MIRROR, the set's own mirrors, the host torchvision names. Raises Unavailable
    if none of them gave a file, DataError if `root` cannot be written to or is full.
    """
    for file in official.files(image_set):
        try:
            root.mkdir(parents=True, exist_ok=True)
            with _lock(root, file):
                if not (root / file.name).exists():  # another process may have fetched it meanwhile
                    _fetch_file(file, [*_mirrors(image_set, file), file.url], root)
        except OSError as error:
            raise DataError(f"cannot write to {root} ({error.strerror}); name a folder of your own in "
                            "LLCOURSE_DATA") from error


def _mirrors(image_set, file):
    chosen = os.environ.get("LLCOURSE_MIRROR")
    return [f"{base.rstrip('/')}/{file.name}" for base in (chosen, *image_set.mirrors) if base]


def _lock(root, file):
    """Held until the end of `with`: FileLock counts, and its acquire() gives the proxy that releases once."""
    lock = FileLock(root / f".{file.name}.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        print(f"another process is fetching {file.name}; waiting for it")
        return lock.acquire()


def _fetch_file(file, urls, root):
    part = root / f"{file.name}.part"
    contact, said = CONTACT, []
    with progress(total=0, label=file.name, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        for number, url in enumerate(urls, 1):
            for _ in range(TRIES):
                had, asked = _size(part), time.monotonic()
                try:
                    response = _open(url, had, contact / (len(urls) - number + 1))
                except _Broken as broken:
                    contact -= time.monotonic() - asked
                    said.append(f"{url}: {broken}")
                    break
                try:
                    with response:
                        _receive(response, part, bar, patient=number == len(urls))
                    if official.matches(part, file.md5):
                        part.replace(root / file.name)
                        return
                    part.unlink()
                    said.append(f"{url}: not the published file (wrong md5)")
                    if not had:
                        break
                except _Broken as broken:
                    said.append(f"{url}: {broken}")
                    if isinstance(broken, _Slow) or _size(part) == had:
                        break
    kept = f". {_size(part) / 1e6:,.1f} MB are kept in {part} and will be gone on from" if _size(part) else ""
    raise Unavailable(f"{file.name} could not be fetched: {'; '.join(said)}{kept}")


def _size(part):
    return part.stat().st_size if part.exists() else 0


def _open(url, start, seconds):
    """The response to a request for `url` from byte `start` on; _Broken if there is none after `seconds`.

    In a thread of its own, because a name look-up, and a host with several dead addresses, heed no timeout.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    answer = queue.SimpleQueue()

    def ask():
        try:
            answer.put(urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        response = answer.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise _Broken(f"no answer in {seconds:.0f} s") from None
    if isinstance(response, urllib.error.HTTPError) and response.code == 416:
        return _open(url, 0, seconds)  # nothing of the file lies beyond `start`: begin again
    if isinstance(response, Exception):
        raise _Broken(f"no answer ({response})") from response
    return response


def _receive(response, part, bar, patient):
    """Append a response to `part`, or start afresh if the server does not resume; _Broken: it ends early."""
    resumed = response.status == 206
    start = _size(part) if resumed else 0
    expected = response.headers.get("Content-Length")
    total = start + int(expected) if expected else None
    bar.reset(total)
    bar.update(start)
    missing = total - start if total else 0
    with room_for(missing, part.parent, f"What has arrived stays in {part.name} and is gone on from."):
        with open(part, "ab" if resumed else "wb") as out:
            for data in _chunks(response, patient):
                out.write(data)
                bar.update(len(data))
    if total is not None and _size(part) < total:
        raise _Broken(f"broke off after {_size(part):,} of {total:,} bytes")


def _chunks(response, patient):
    """What arrives, as it arrives; _Slow if nothing does (or too little, unless `patient`) for PATIENCE."""
    since, received = time.monotonic(), 0
    while True:
        try:
            data = response.read1(1 << 16)
        except TimeoutError as error:
            raise _Slow(f"nothing came for {PATIENCE:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(f"broke off ({error})") from error
        if not data:
            return
        received += len(data)
        yield data
        elapsed = time.monotonic() - since
        if elapsed > PATIENCE:
            if received < SLOWEST * elapsed and not patient:
                raise _Slow(f"only {received / elapsed / 1e3:.0f} kB/s")
            since, received = time.monotonic(), 0
