"""Hosts to try a network on: network namespaces of this machine, with names, addresses and links of their own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from ..arguments import number, whole

# In a namespace of its own a process may have a host's name and table of names, as on a machine of its own.
BOOT = 'echo "$1" > /proc/sys/kernel/hostname && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'


class NoHosts(OSError):
    """This system does not let network namespaces be made; the message says why."""


class Hosts:
    """`n` hosts, host1 to hostN at 10.77.0.1 to 10.77.0.N, on one switch; nothing outside can be reached from them.

    A context manager: at its end what still runs on the hosts is killed, and they are gone. Linux with iproute2, and
    root's rights; raises NoHosts elsewhere. `mbit` makes every link thin: so many 10^6 bits a second each way.

        with Hosts(3, mbit=50) as hosts:
            hosts.start(0, ["torchrun", ...])
            hosts.cut(2)
    """

    def __init__(self, n, mbit=None):
        self.names = [f"host{i + 1}" for i in range(whole("n", n, 1, 250))]
        self.addresses = [f"10.77.0.{i + 1}" for i in range(n)]
        self.mbit = mbit if mbit is None else number("mbit", mbit, above=0)
        self._spaces = [f"llcourse-{os.getpid()}-{id(self):x}-{name}" for name in ("switch", *self.names)]

    def __enter__(self):
        if sys.platform != "linux" or os.geteuid() or not all(map(shutil.which, ("ip", "tc", "unshare"))):
            raise NoHosts("network namespaces need Linux, root's rights, and the commands ip, tc and unshare")
        _remove_orphans()
        try:
            self._make()
            if self.start(0, ["true"]).wait():
                raise NoHosts("no hosts can be made here: a namespace takes no name of its own")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for space in self._spaces:
            _remove(space)

    def _make(self):
        table = "".join(f"{a} {name}\n" for a, name in zip(self.addresses, self.names))
        switch, *hosts = self._spaces
        for space in self._spaces:
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
        _table(switch).write_text("127.0.0.1 localhost\n" + table, encoding="utf-8")
        _ip("-n", switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", switch, "link", "set", "switch", "up")
        for i, space in enumerate(hosts):
            _ip("-n", switch, "link", "add", f"port{i}", "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("-n", switch, "link", "set", f"port{i}", "master", "switch", "up")
            _ip("-n", space, "address", "add", f"{self.addresses[i]}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            if self.mbit is not None:
                for end in ((switch, f"port{i}"), (space, "eth0")):
                    _thin(*end, self.mbit)

    def start(self, i, command, **settings):
        """A process on host i, counted from 0: a subprocess.Popen, with its settings."""
        boot = ["unshare", "--uts", "sh", "-c", BOOT, "sh", self.names[i], str(_table(self._spaces[0]))]
        return subprocess.Popen(["ip", "netns", "exec", self._spaces[i + 1], *boot, *command], **settings)

    def cut(self, i):
        """Pull host i's plug, in mid-message or not."""
        _ip("-n", self._spaces[0], "link", "set", f"port{i}", "down")

    def mend(self, i):
        _ip("-n", self._spaces[0], "link", "set", f"port{i}", "up")


def _thin(space, device, mbit):
    """A token bucket: bursts of 4 ms of the rate, queues of 50 ms, then packets are lost, as on a real thin link."""
    burst = max(16_000, int(mbit * 1e6 / 8 * 0.004))
    _run("tc", "-n", space, "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{int(mbit * 1e6)}bit", "burst",
         str(burst), "latency", "50ms")


def _table(space):
    """The file of the hosts' names and addresses: /run is root's alone."""
    return Path("/run", f"{space}.hosts")


def _remove(space):
    while inside := _ip("netns", "pids", space, check=False).split():
        for process in map(int, inside):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    _ip("netns", "delete", space, check=False)
    _table(space).unlink(missing_ok=True)


def _remove_orphans():
    """What a process left that was killed while it had hosts."""
    for space in re.findall(r"^llcourse-\d+-\S+", _ip("netns", "list", check=False), re.MULTILINE):
        if not Path("/proc", space.split("-")[1]).exists():
            _remove(space)


def _ip(*arguments, check=True):
    return _run("ip", *arguments, check=check)


def _run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise NoHosts(f"no hosts can be made here: `{' '.join(command)}` says {done.stderr.strip()}")
    return done.stdout
