"""Hosts made of network namespaces: names, addresses, links that are cut or thin, and nothing of them afterwards."""

import os
import signal
import subprocess
import sys

import pytest

from llcourse.distributed.hosts import Hosts, NoHosts

LISTEN = """
import socket, sys, time
with socket.create_server(("", 5000)) as server:
    print(socket.gethostname(), flush=True)
    connection, (address, _) = server.accept()
    start, received = time.monotonic(), 0
    while data := connection.recv(1 << 16):
        received += len(data)
    print(address, received / (time.monotonic() - start), flush=True)
"""
SEND = """
import socket, sys
with socket.create_connection(("host2", 5000), timeout=2) as connection:
    connection.sendall(bytes(int(sys.argv[1])))
"""


def listen(hosts, i):
    process = hosts.start(i, [sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def send(hosts, i, size):
    return hosts.start(i, [sys.executable, "-c", SEND, str(size)], stderr=subprocess.PIPE, text=True)


def spaces():
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout


def test_hosts_have_names_and_find_each_other_by_them(make_hosts):
    hosts = make_hosts(3)
    (listener, name), sender = listen(hosts, 1), send(hosts, 2, 1000)
    with listener, sender:
        assert name == "host2" and listener.stdout.read().split()[0] == hosts.addresses[2] == "10.77.0.3"


@pytest.mark.parametrize("mbit", [8, 40])
def test_a_thin_link_carries_what_it_says(make_hosts, mbit):
    hosts, size = make_hosts(2, mbit), mbit * 1e6 / 8
    (listener, _), sender = listen(hosts, 1), send(hosts, 0, int(size))
    with listener, sender:
        rate = float(listener.stdout.read().split()[1])
    assert 0.8 * size < rate < 1.05 * size  # bytes a second; headers are 4 % of the link


def test_a_cut_link_carries_nothing_until_it_is_mended(make_hosts):
    hosts = make_hosts(2)
    listener, _ = listen(hosts, 1)
    with listener:
        hosts.cut(0)
        with send(hosts, 0, 1000) as sender:
            assert "timed out" in sender.stderr.read()
        hosts.mend(0)
        with send(hosts, 0, 1000):
            assert listener.stdout.read().split()[0] == hosts.addresses[0]


def test_hosts_go_with_all_that_runs_on_them(make_hosts):
    make_hosts(1)  # skipped here where there can be none
    with pytest.raises(KeyError), Hosts(2) as hosts:
        process = hosts.start(1, ["sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE)
        process.stdout.readline()  # it runs
        assert f"{os.getpid()}-{id(hosts):x}-host2" in spaces()
        raise KeyError
    process.stdout.close()
    assert process.wait(10) == -signal.SIGKILL and f"{id(hosts):x}" not in spaces()


def test_what_a_killed_process_left_goes_with_the_next(make_hosts):
    make_hosts(1)
    program = "import time; from llcourse.distributed.hosts import Hosts; Hosts(1).__enter__(); print(flush=True); "
    with subprocess.Popen([sys.executable, "-c", program + "time.sleep(600)"], stdout=subprocess.PIPE) as owner:
        owner.stdout.readline()
        owner.kill()
    assert f"llcourse-{owner.pid}-" in spaces()
    make_hosts(1)
    assert f"llcourse-{owner.pid}-" not in spaces()


@pytest.mark.parametrize("settings, words", [
    ({"n": 0}, "n is 0"), ({"n": 2.5}, "n is 2.5"), ({"n": 2, "mbit": 0}, "mbit is 0"),
    ({"n": 2, "mbit": "thin"}, "mbit is 'thin'")])
def test_wrong_hosts_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Hosts(**settings)


def test_a_system_that_forbids_hosts_says_why(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoHosts, match="root's rights"):
        Hosts(2).__enter__()


def test_a_command_that_fails_is_named_and_leaves_nothing(make_hosts):
    make_hosts(1)
    hosts = Hosts(2)
    hosts.addresses[1] = "nowhere"
    with pytest.raises(NoHosts, match="nowhere"):
        hosts.__enter__()
    assert f"{id(hosts):x}" not in spaces()
