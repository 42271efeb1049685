"""What cannot be trained by workers is refused, before they start or by the worker that meets it."""

import json

import pytest
import torch
from torch import nn

from llcourse import Recipe, borders, data, networks, reach, schedules, wiring
from llcourse.distributed import prepare
from llcourse.distributed.job import load

from .crew import crew, run

RECIPE = Recipe(batch=24, lr=0.05)


def network(K=2, **settings):
    torch.manual_seed(0)
    return networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(K, **settings)


def shared():
    net = network()
    net.heads[1] = net.heads[0]
    return net


def strange():
    class Own(nn.Identity):
        pass

    Own.__module__ = "__main__"
    net = network()
    net.body[0].append(Own())
    return net


def local_class():
    class Inside(nn.Identity):
        pass

    net = network()
    net.body[0].append(Inside())
    return net


def linear_grid():
    return networks.sketch(wiring.groups(2, 2), classes=4)


@pytest.mark.parametrize("make, message", [
    (linear_grid, "workers stand in a chain"), (lambda: network(3, context="R1E"), "workers stand in a chain"),
    (shared, "share a parameter"), (strange, "Own is code of this notebook"), (local_class, "cannot be sent"),
    (lambda: networks.resnet(8), "takes a LocalNetwork"),
], ids=["groups", "context", "shared", "notebook", "local class", "no network"])
def test_a_network(tmp_path, images, make, message):
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path / "job", make(), images, 1, recipe=RECIPE)
    assert not (tmp_path / "job" / "job.pt").exists()


@pytest.mark.parametrize("head, K, message", [("readout", 2, "head 1 reads what worker 2 trains"),
                                              ("tied", 3, "head 2 reads what worker 1 trains")])
def test_a_head_that_reads_anothers(tmp_path, head, K, message):
    text = data.text(train=1000, test=100, context=8)
    net = networks.gpt(3, 8, 2, context=8)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path / "job", net.cut(K, head), text, 1)
    prepare(tmp_path / "job", net.cut(2, "tied"), text, 1)  # its embedding is worker 1's own


def test_one_loss_and_a_buffer_between_workers_at_their_own_pace(tmp_path, images):
    net = network(3)
    net.reach = reach.overlapping(3, 2)
    with pytest.raises(ValueError, match="one loss and a buffer below it"):
        prepare(tmp_path / "job", net, images, 1, schedule="asynchronous")


@pytest.mark.parametrize("folder", [3, None, "", b"folder"])
def test_a_folder(images, folder):
    with pytest.raises(ValueError, match="it is the path of a folder"):
        prepare(folder, network(), images, 1)


def test_no_job(tmp_path):
    with pytest.raises(ValueError, match="holds no job"):
        load(tmp_path)


def test_a_job_is_its_owners_alone(tmp_path, images):
    folder = prepare(tmp_path / "job", network(), images, 1)
    assert folder.stat().st_mode & 0o077 == 0 and (folder / "job.pt").stat().st_mode & 0o077 == 0


def failures(folder):
    return [json.loads(path.read_text()) for path in folder.glob("failure-*.json")]


def test_a_module_that_draws_random_numbers(tmp_path, images):
    net = network()
    net.body[1].append(nn.Dropout(0.5))
    folder = prepare(tmp_path / "job", net, images, 1, recipe=RECIPE)
    assert run(folder, 2) == [1, 1]
    own = [failure for failure in failures(folder) if failure["by"] is None]
    assert [failure["worker"] for failure in own] == [2] and "module 2 draws random numbers" in own[0]["cause"]


class Noisy(borders.Border):
    def forward(self, h):
        return h + torch.randn_like(h)


def test_a_border_that_draws_random_numbers(tmp_path, images):
    net = network()
    net.borders = [Noisy()]
    folder = prepare(tmp_path / "job", net, images, 1, recipe=RECIPE)
    assert run(folder, 2) == [1, 1]
    assert any("border 1 draws random numbers" in failure["cause"] for failure in failures(folder))


def test_a_codec_that_draws_where_turns_are_missed(tmp_path, images):
    net = network()
    net.borders = [borders.ReplayBuffer(1, reuse=1, codec=borders.VectorQuantizer(4, 2))]
    schedule = schedules.Asynchronous((3, 1), "cyclic")
    folder = prepare(tmp_path / "job", net, images, 1, recipe=RECIPE, schedule=schedule, timeout=2)
    assert run(folder, 2) == [1, 1]
    assert any("module 2 misses a turn" in failure["cause"] for failure in failures(folder))


def test_at_its_own_pace_it_may(tmp_path, images):
    net = network()
    net.body[1].append(nn.Dropout(0.5))
    net.borders = [borders.ReplayBuffer(2)]
    assert crew(tmp_path / "job", net, images, 1, recipe=RECIPE, schedule="asynchronous").history.rows


def test_as_many_workers_as_modules(tmp_path, images):
    folder = prepare(tmp_path / "job", network(), images, 1, recipe=RECIPE)
    assert set(run(folder, 3)) == {1}
    assert any("this job is for 2 workers" in failure["cause"] for failure in failures(folder))
