"""The README's tables: what can be computed again, or is recorded, is what they say."""

import re
from collections import defaultdict

import pytest
import torch

from llcourse import cost, measure, networks, paths, reproduce
from llcourse.bench import CONFIGURATIONS

ROW = re.compile(r"^(\D+(?:\d[^\d\s]* ?\w*)?) +(\d+) +(\d+)  (\S+) +eager +[\d.]+ +([\d.]+) +([\d.]+) +(\d+) +\d+$")
TEXT = (paths.root() / "README.md").read_text(encoding="utf-8")
REACHED = re.findall(r"^(\w.*?)  +(\d\d\.\d) +(\d\d\.\d|-)  \w", TEXT, re.MULTILINE)
ROWS = {(m[1].strip(), int(m[2]), int(m[3]), m[4]): m.groups()[4:] for line in
        TEXT.splitlines() if (m := ROW.match(line))}


def test_every_configuration_has_its_row():
    assert list(ROWS) == [(c.method, c.K, c.groups, c.head) for c in CONFIGURATIONS]


@pytest.mark.parametrize("configuration", CONFIGURATIONS,
                         ids=lambda c: f"{c.method}, K = {c.K}, G = {c.groups}, {c.head}")
def test_counts_and_kept_bytes(configuration):
    c = configuration
    floor, exact, kept = ROWS[c.method, c.K, c.groups, c.head]
    whole = networks.resnet(32).cut(1)
    net = networks.resnet(32).cut(c.K, c.head, c.reach and c.reach(c.K), groups=c.groups, **c.cut)
    net.to(memory_format=torch.channels_last)
    net.borders = [c.border() for _ in range(c.K - 1)] if c.border else []
    x, y = torch.zeros(32, 3, 32, 32).contiguous(memory_format=torch.channels_last), torch.zeros(32, dtype=torch.long)
    assert f"{cost.training_macs(net, (3, 32, 32)) / cost.training_macs(whole, (3, 32, 32)):.2f}" == floor
    assert f"{cost.exact_macs(net, (3, 32, 32)) / cost.exact_macs(whole, (3, 32, 32)):.2f}" == exact
    assert abs(4 * measure.saved_bytes(net, x, y) / 2**20 - int(kept)) < 1  # a quarter of the table's batch


@pytest.fixture(scope="module")
def recorded():
    """{(method, K): [a seed's error, ...]}"""
    found = defaultdict(set)
    for suite in ("dgl-short", "interlocking-short", "context-short", "groups-short"):
        for run in (run for runs in reproduce.runs(suite).values() for run in runs):
            found[run["configuration"]["method"], run["configuration"]["K"]].add((run["seed"], run["error"]))
    return {key: [error for _, error in runs] for key, runs in found.items()}


@pytest.mark.parametrize("method, four, ten", REACHED)
def test_errors_are_recorded_ones(method, four, ten, recorded):
    for K, said in ((4, four), (10, ten)):
        errors = recorded.get((method, K))
        assert said == (f"{sum(errors) / len(errors):.1f}" if errors else "-")


def test_the_table_of_errors_was_found():
    assert len(REACHED) == 10
