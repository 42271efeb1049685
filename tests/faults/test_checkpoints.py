"""Checkpoints of other runs, files that are not what was written, and disks that take none."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

from llcourse import LocalNetwork, NonFiniteLoss, Recipe, Run, networks, reach, train, training
from llcourse.checkpoint import CheckpointError, load, save
from llcourse.objectives import CrossEntropy
from tests import disks

PLAIN = Recipe(batch=24, lr=0.05, augment=False)


def network(seed=0):
    torch.manual_seed(seed)
    return networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear")


@pytest.fixture
def file(images, tmp_path):
    """A finished run of one epoch."""
    train(network(), images, 1, recipe=PLAIN, checkpoint=tmp_path / "run.safetensors")
    return tmp_path / "run.safetensors"


class Shifted(nn.Module):
    def __init__(self, head, constant):
        super().__init__()
        self.head = head
        self.register_buffer("constant", torch.tensor(constant), persistent=False)

    def forward(self, x):
        return self.head(x) + self.constant


def _type(net):
    net.body[0][0][0].__class__ = type("Other", (nn.Conv2d,), {})


def _frozen(net):
    net.body[0].requires_grad_(False)


def _asleep(net):
    net.body[0].requires_grad_(False).eval()


@pytest.mark.parametrize("change, words", [
    (lambda net: setattr(net, "objectives", CrossEntropy(0.1)),
     r"objectives.0: CrossEntropy\(label_smoothing=0.0.* there, CrossEntropy\(label_smoothing=0.1"),
    (_type, r"body.0.0.0: Conv2d.* there, Other\("),
    (lambda net: setattr(net.body[0][0][1], "momentum", 0.3), "body.0.0.1: BatchNorm2d.*momentum=0.1.* there"),
    (lambda net: net.double(), r"body.0.0.0.weight: .* torch.float32 there, .* torch.float64 here"),
    (_frozen, r"body.0.0.0.weight: \(4, 3, 3, 3\) torch.float32 there, .* frozen here"),
    (_asleep, "frozen: .* there, .*'body.0'"),
    (lambda net: net.load_state_dict(network(seed=1).state_dict()), "initial weights: "),
])
def test_a_run_of_another_network_is_refused_and_the_difference_named(images, file, change, words):
    net = network()
    change(net)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    with pytest.raises(CheckpointError, match=words):
        train(net, images, 1, recipe=PLAIN, checkpoint=file)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_functions_and_constants_that_no_state_holds_tell_networks_apart(images, tmp_path):
    def net(activation, constant):
        torch.manual_seed(0)
        blocks = [nn.Flatten(), nn.Linear(768, 8), nn.Unflatten(1, (2, 4)),
                  nn.TransformerEncoderLayer(4, 2, 8, 0.0, activation, batch_first=True)]
        return LocalNetwork([nn.Sequential(*blocks)],
                            [nn.Sequential(nn.Flatten(), Shifted(nn.Linear(8, 4), constant))])

    file = tmp_path / "run.safetensors"
    train(net("relu", 0.0), images, 1, recipe=PLAIN, checkpoint=file)
    for other, words in ((net("gelu", 0.0), r"body.0.3: .*relu.* there, .*gelu"), (net("relu", 1.0), "1.constant: ")):
        with pytest.raises(CheckpointError, match=words):
            train(other, images, 1, recipe=PLAIN, checkpoint=file)


def test_the_network_that_a_run_has_left_takes_it_up_again(images, tmp_path, monkeypatch):
    """In a notebook the same cell is run again, with the network as the stop, or the broken loss, has left it."""
    file, net, calls = tmp_path / "run.safetensors", network(), []
    whole = train(network(), images, 3, recipe=PLAIN)

    def broken(module, args, output):
        calls.append(None)
        return output * float("nan") if len(calls) == 10 else output  # in the third epoch: 3 steps and a test each

    monkeypatch.setattr(training, "SAVE_SECONDS", 1e9)  # the first epoch alone would be saved on the way
    hook = net.heads[1].register_forward_hook(broken)
    with pytest.raises(NonFiniteLoss):
        train(net, images, 3, recipe=PLAIN, checkpoint=file)
    hook.remove()
    assert [row["epoch"] for row in load(file, "cpu")[1]["rows"]] == [1, 2]
    history = train(net, images, 3, recipe=PLAIN, checkpoint=file)
    assert [row["loss"] for row in history.rows] == [row["loss"] for row in whole.rows]


def _row_too_many(tensors, record):
    record["rows"].append(record["rows"][0] | {"epoch": 2})


def _broadcast(tensors, record):
    tensors["optimizer.0.momentum_buffer"] = torch.ones(1)


@pytest.mark.parametrize("damage, words", [
    (_row_too_many, "rows are not those of up to 1 epochs"),
    (_broadcast, r"0.momentum_buffer: \(1,\) torch.float32 there"),
    (lambda tensors, record: record.update(rows=None), "rows are not"),
    (lambda tensors, record: record.pop("config"), "belongs to another run"),
    (lambda tensors, record: tensors.pop("updates"), "updates: None there"),
    (lambda tensors, record: tensors.pop("optimizer.1.momentum_buffer"), "optimizer.1.momentum_buffer: None there"),
    (lambda tensors, record: tensors.update({"net.body.0.more": torch.ones(1)}), "0.more: .* there, None here"),
    (lambda tensors, record: tensors.update(updates=torch.ones(2)), "updates: .*float32 there, .*int64 here"),
])
def test_a_file_that_holds_something_else_is_refused_before_anything_is_touched(images, file, damage, words):
    tensors, record = load(file, "cpu")
    damage(tensors, record)
    save(file, tensors, record)
    run = Run(network(), images, 1, recipe=PLAIN)
    before = run.state()
    with pytest.raises(CheckpointError, match=words):
        run.load(file)
    assert all(torch.equal(t, before[name]) for name, t in run.state().items()) and run.history.rows == []


def test_flipped_bits_and_records_that_are_no_object_are_refused(images, file):
    whole = bytearray(file.read_bytes())
    with safe_open(file, "pt") as opened:
        text = opened.metadata()["record"]
    assert json.loads(text)["rows"]
    at = int.from_bytes(whole[:8], "little") + 8  # where the tensors begin
    for place in (at + 5, len(whole) - 3):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        file.write_bytes(flipped)
        with pytest.raises(CheckpointError, match="contents are not those that were written"):
            train(network(), images, 1, recipe=PLAIN, checkpoint=file)
    for odd in ([1, 2], None, "text"):
        save(file, {"x": torch.ones(1)}, odd)
        with pytest.raises(CheckpointError, match="record is no object"):
            train(network(), images, 1, recipe=PLAIN, checkpoint=file)


@pytest.fixture
def small_disk(tmp_path):
    with disks.small(tmp_path / "small", "16k") as folder:
        yield folder


def test_a_full_disk_is_noticed_before_the_first_epoch(images, small_disk, monkeypatch):
    trained = []
    monkeypatch.setattr(training, "epoch", lambda *args: trained.append(None))
    with pytest.raises(CheckpointError, match="run.safetensors cannot be written .*make room") as error:
        train(network(), images, 1, recipe=PLAIN, checkpoint=small_disk / "run.safetensors")
    assert isinstance(error.value, OSError) and not trained and list(small_disk.iterdir()) == []


def test_a_path_that_takes_no_file_is_noticed_before_the_first_epoch(images, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(training, "epoch", lambda *args: trained.append(None))
    (tmp_path / "a").write_text("a file")
    with pytest.raises(CheckpointError, match="cannot be written"):
        train(network(), images, 1, recipe=PLAIN, checkpoint=tmp_path / "a" / "run.safetensors")
    with pytest.raises(ValueError, match="checkpoint is 3; it is the path of a file"):
        train(network(), images, 1, recipe=PLAIN, checkpoint=3)
    assert not trained


def test_a_disk_that_fills_later_loses_no_finished_epoch(images, tmp_path, monkeypatch):
    run, saves = Run(network(), images, 2, recipe=PLAIN), []
    monkeypatch.setattr(training, "SAVE_SECONDS", -1)

    def fills(path, *args):
        saves.append(path)
        if len(saves) > 1:
            raise OSError(28, "No space left on device")
        save(path, *args)

    monkeypatch.setattr("llcourse.training.checkpoints.save", fills)
    with pytest.raises(OSError):
        run.fit(tmp_path / "run.safetensors")
    assert len(run.history.rows) == 1
    whole = train(network(), images, 2, recipe=PLAIN)
    assert [row["loss"] for row in run.fit().rows] == [row["loss"] for row in whole.rows]


def test_reaches_tell_runs_apart(images, file):
    net = network()
    net.reach = reach.backprop(2)
    with pytest.raises(CheckpointError, match=r"reach: \[\[1, 0\], \[0, 1\]\] there, \[\[0, 0\], \[1, 1\]\] here"):
        train(net, images, 1, recipe=PLAIN, checkpoint=file)
