"""Downloading a set's files: resumed, checked, one process at a time, and no long wait for an absent host.

A download grows in `<file>.part` and takes its own name only once its checksum holds. What a host sends is bounded by
the file's published size, and whatever goes wrong with one host, the next is asked.
"""

import os
import queue
import threading
import time
import urllib.request
from contextlib import nullcontext

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
            raise DataError(f"cannot write to {error.filename or root} ({error.strerror}); name a folder of your own "
                            "in LLCOURSE_DATA") from error


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
    except (OSError, NotImplementedError) as error:  # no locks there, or another user's: the checksum decides anyway
        print(f"{lock.lock_file} cannot be locked ({error}); fetch {file.name} in one process at a time")
        return nullcontext()


def _fetch_file(file, urls, root):
    part = root / f"{file.name}.part"
    contact, said = CONTACT, []
    part.with_suffix(".fresh").unlink(missing_ok=True)  # a killed process left it
    if _settled(part, file):
        return
    with progress(total=file.size, label=file.name, unit="B", unit_scale=True, unit_divisor=1024) as bar:
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
                        _receive(response, part, file.size, bar, patient=number == len(urls))
                    if _settled(part, file):
                        return
                    said.append(f"{url}: not the published file (wrong md5)")
                    if not had:
                        break
                except _Broken as broken:
                    said.append(f"{url}: {broken}")
                    if isinstance(broken, _Slow) or _size(part) == had:
                        break
    kept = f". {_size(part) / 1e6:,.1f} MB are kept in {part} and will be gone on from" if _size(part) else ""
    raise Unavailable(f"{file.name} could not be fetched: {'; '.join(said)}{kept}")


def _settled(part, file):
    """True if `part` is the whole file, which takes its name then. What is as long and another file is removed."""
    if _size(part) < file.size:
        return False
    if _size(part) == file.size and official.matches(part, file.md5):
        part.replace(part.with_name(file.name))
        return True
    part.unlink()
    return False


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
    if isinstance(response, Exception):
        raise _Broken(f"no answer ({response})") from response
    return response


def _receive(response, part, size, bar, patient):
    """Append a response to `part`; _Broken: it ends early, or cannot be the rest of the file.

    One that begins anew, from a server that does not resume or will not say how much it sends, grows beside `part` and
    takes its place once it is longer: a login page costs nothing that has arrived.
    """
    resumed, had = response.status == 206, _size(part)
    start, offered = had if resumed else 0, response.headers.get("Content-Length")
    if offered != str(size - start) and (resumed or offered is not None):
        raise _Broken(f"offers {offered} bytes where {size - start:,} are missing")
    target = part if resumed or (offered and not had) else part.with_suffix(".fresh")
    bar.reset(size)
    bar.update(start)
    arrived = start
    try:
        with room_for(size - start, part.parent, f"What has arrived stays in {part.name} and is gone on from."):
            with open(target, "ab" if resumed else "wb") as out:
                for data in _chunks(response, patient):
                    arrived += len(data)
                    if arrived > size:
                        raise _Broken(f"sends more than the {size:,} bytes of the file")
                    out.write(data)
                    bar.update(len(data))
    finally:
        if target != part:
            if arrived == size or (offered and arrived > had):
                target.replace(part)
            target.unlink(missing_ok=True)
    if arrived < size:
        raise _Broken(f"broke off after {arrived:,} of {size:,} bytes")


def _chunks(response, patient):
    """What arrives, as it arrives; _Slow if nothing does (or too little, unless `patient`) for PATIENCE."""
    since, received = time.monotonic(), 0
    while True:
        try:
            data = response.read1(1 << 16)
        except TimeoutError as error:
            raise _Slow(f"nothing came for {PATIENCE:.0f} s") from error
        except Exception as error:  # of the network, of HTTP, of what a host sends for it
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
