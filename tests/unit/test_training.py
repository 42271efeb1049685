"""The loop: it learns, reproduces bit for bit, resumes, stops at a broken loss, and schedules do what they say."""

import signal
import sys
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from llcourse import (
    History,
    LocalNetwork,
    NonFiniteLoss,
    Recipe,
    Run,
    borders,
    measure,
    networks,
    reach,
    train,
    training,
)
from llcourse.checkpoint import CheckpointError
from llcourse.reproduce.run import seconds_left
from llcourse.schedules import SCHEDULES, Phase
from llcourse.steps import EagerStep, FastStep

PLAIN = Recipe(batch=24, lr=0.05, augment=False, precision="float32")


def network(K=2, head="linear", method=None, seed=0):
    torch.manual_seed(seed)
    return networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(K, head, method)


def weights(net):
    return {name: t.clone() for name, t in net.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def rows(history):
    return [{**row, "seconds": 0} for row in history.rows]


def test_training_learns(images):
    net = network()
    history = train(net, images, 20, recipe=PLAIN)
    assert history.accuracy > 80 and len(history.rows) == 20 and history.standin
    assert history.column("loss", 0)[-1] < history.column("loss", 0)[0]
    assert history.accuracies == pytest.approx(measure.score(net, images))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_seeds_reproduce_bit_for_bit(images, precision):
    recipe = Recipe(batch=24, precision=precision)
    nets = [network(), network()]
    histories = [train(net, images, 2, recipe=recipe, seed=5) for net in nets]
    assert same(weights(nets[0]), weights(nets[1])) and rows(histories[0]) == rows(histories[1])
    train(other := network(), images, 2, recipe=recipe, seed=6)
    assert not same(weights(nets[0]), weights(other))


def test_training_leaves_the_global_generator_alone(images):
    net = network()
    before = torch.get_rng_state()
    train(net, images, 1, recipe=PLAIN)
    assert torch.equal(torch.get_rng_state(), before)


class Interrupting:
    """An image set whose n-th training batch raises, as Ctrl-C would."""

    def __init__(self, images, at):
        self.images, self.left = images, at

    def __getattr__(self, name):
        return getattr(self.images, name)

    def batches(self, *args, **kwargs):
        for pair in self.images.batches(*args, **kwargs):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            yield pair


@pytest.mark.parametrize("schedule, epochs", [("synchronous", 4), ("sequential", 2), ("last only", 4)])
def test_an_interrupted_run_goes_on_bit_for_bit(images, schedule, epochs):
    whole, broken = network(), network()
    expected = train(whole, images, epochs, schedule=schedule, recipe=PLAIN)
    run = Run(broken, Interrupting(images, at=8), epochs, schedule=schedule, recipe=PLAIN)
    with pytest.raises(KeyboardInterrupt, match="stopped after 2 of 4 epochs"):
        run.fit()
    assert run.history.rows[-1]["epoch"] == 2
    assert rows(run.fit()) == rows(expected) and same(weights(whole), weights(broken))


def test_what_to_do_after_a_stop_is_what_the_caller_can_do(images):
    with pytest.raises(KeyboardInterrupt, match="1 of 2 epochs: run again from where the network is made$"):
        train(net := network(), Interrupting(images, at=5), 2, recipe=PLAIN)
    assert not same(weights(net), weights(network()))  # on which a second call would go on


@pytest.mark.parametrize("phases, threads, watched", [
    ([Phase(1, (0, 1))], 2, True), ([Phase(1, (0, 1))], 1, False), ([Phase(1, (0,)), Phase(1, (1,), 1)], 2, False),
    ([Phase(1, (0, 1), turns=lambda steps, generator: [(0,)] * steps)], 2, False),
], ids=["alike", "one thread", "phases", "turns"])
def test_bars_watch_the_pace_of_steps_that_cost_the_same(images, monkeypatch, phases, threads, watched):
    made, bar = [], training.progress
    monkeypatch.setattr(training, "progress", lambda **options: made.append(options) or bar(**options))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setitem(SCHEDULES, "mine", lambda net, epochs: phases)
    train(network(), images, 1, schedule="mine", recipe=PLAIN)
    assert bool(made[0]["slow"]) == watched and made[0]["label"] == "Greedy, DGL, InfoPro, ContSup, K = 2"


def test_the_test_between_two_epochs_is_no_step(images, monkeypatch):
    """Two steps an epoch: every second gap between two of them would hold a test, however long that takes."""
    now, took, bar = [0.0], [], training.progress
    monkeypatch.setattr("llcourse.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(training, "progress", lambda **options: took.append(bar(**options)) or took[0])
    score = measure.score
    monkeypatch.setattr(measure, "score", lambda *args, **kwargs: now.append(now.pop() + 60) or score(*args, **kwargs))
    train(network(), images, 4, recipe=replace(PLAIN, batch=images.train_size // 2))
    assert list(took[0].last) == [0.0] * 4


@pytest.mark.parametrize("ask", [lambda h: h.accuracy, lambda h: h.accuracies, lambda h: h.column("loss")])
def test_a_history_without_an_epoch_says_so(ask):
    with pytest.raises(ValueError, match="no finished epoch: run the cell that trains to its end"):
        ask(History())


def test_an_autocast_that_an_interrupt_left_open_hides_no_update(images):
    recipe = Recipe(batch=24, precision="bfloat16")
    train(expected := network(), images, 2, recipe=recipe)
    torch.autocast_increment_nesting()  # as an interrupt inside torch.autocast leaves it: caches are kept for good
    try:
        train(net := network(), images, 2, recipe=recipe)
    finally:
        torch.autocast_decrement_nesting()
        torch.clear_autocast_cache()
    assert same(weights(net), weights(expected))


def traced(run, visit):
    """run.fit() with visit((file, line)) called before each line of the package in the second epoch and after it."""
    package = str(Path(training.__file__).parent)

    def trace(frame, event, arg):
        if not frame.f_code.co_filename.startswith(package):
            return None
        if event == "line" and run.history.rows:
            visit((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        return run.fit()
    finally:
        sys.settrace(None)


@pytest.fixture
def ctrl_c():
    """The process heeds SIGINT, which workers of pytest-xdist do not."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.parametrize("presses", [1, 2])  # the second does not wait for the end of the step
def test_an_interrupt_at_any_line_loses_nothing(images, ctrl_c, presses):
    lines, whole = {}, Run(network(), images, 2, recipe=PLAIN)
    expected = traced(whole, lambda line: lines.setdefault(line))
    assert len(lines) > 60
    for line in lines:
        run, left = Run(network(), images, 2, recipe=PLAIN), [signal.SIGINT] * presses

        def press(here, line=line, left=left):
            while here == line and left:
                signal.raise_signal(left.pop())

        with pytest.raises(KeyboardInterrupt, match=r"stopped after \d of 2 epochs: fit\(\) of the same Run"):
            traced(run, press)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert rows(run.fit()) == rows(expected) and same(weights(run.net), weights(whole.net)), line


@pytest.mark.parametrize("schedule, epochs, recipe", [
    ("synchronous", 4, PLAIN), ("sequential", 2, PLAIN), ("last only", 4, PLAIN),
    ("synchronous", 4, Recipe(batch=24, precision="float32")),
    ("synchronous", 4, Recipe(batch=24, precision="bfloat16")),
    ("synchronous", 4, Recipe(batch=24, lr=0.003, optimizer="adamw")),
    ("sequential", 2, Recipe(batch=24, lr=0.003, optimizer="adamw")),
])
def test_a_checkpoint_resumes_bit_for_bit(images, tmp_path, schedule, epochs, recipe):
    file = tmp_path / "deep" / "run.safetensors"
    whole = network()
    expected = train(whole, images, epochs, schedule=schedule, recipe=recipe)
    with pytest.raises(KeyboardInterrupt, match="of . epochs: the same call goes on from there"):
        train(network(), Interrupting(images, at=11), epochs, schedule=schedule, recipe=recipe, checkpoint=file)
    run = Run(resumed := network(), images, epochs, schedule=schedule, recipe=recipe)
    for p in resumed.parameters():
        p.data.zero_()  # all comes out of the file
    run.load(file)
    history = run.fit(file)
    assert rows(history) == rows(expected) and same(weights(whole), weights(resumed))
    again = train(network(), images, epochs, schedule=schedule, recipe=recipe, checkpoint=file)
    assert again.rows == history.rows  # a finished run is only read
    assert [p.name for p in file.parent.iterdir()] == ["run.safetensors"]


def test_checkpoints_of_other_runs_and_broken_files_are_refused(images, tmp_path):
    file = tmp_path / "run.safetensors"
    train(network(), images, 1, recipe=PLAIN, checkpoint=file)
    with pytest.raises(CheckpointError, match="seed: 0 there, 1 here"):
        train(network(), images, 1, recipe=PLAIN, seed=1, checkpoint=file)
    weighted = network()
    weighted.weights = [1, 0.5]
    with pytest.raises(CheckpointError, match="network: "):
        train(weighted, images, 1, recipe=PLAIN, checkpoint=file)
    images.train_x[0] += 1
    with pytest.raises(CheckpointError, match="images: "):
        train(network(), images, 1, recipe=PLAIN, checkpoint=file)
    images.train_x[0] -= 1
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        train(network(), images, 1, recipe=PLAIN, checkpoint=file)


def test_a_failed_save_keeps_the_old_checkpoint(images, tmp_path, monkeypatch):
    file = tmp_path / "run.safetensors"
    run = Run(network(), images, 2, recipe=PLAIN)
    run.fit()
    run.save(file)
    before = file.read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llcourse.checkpoint.save_file", full)
    with pytest.raises(OSError):
        run.save(file)
    assert file.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_modules_may_share_a_head(images, tmp_path):
    body = [nn.Flatten(), nn.Linear(768, 768)]
    head = nn.Linear(768, 4)
    net = LocalNetwork(body, [head, head], reach.local(2))
    again = deepcopy(net)
    train(net, images, 2, recipe=PLAIN, checkpoint=tmp_path / "run.safetensors")
    train(again, images, 2, recipe=PLAIN, checkpoint=tmp_path / "run.safetensors")
    assert same(weights(net), weights(again))


def test_what_is_watched_stands_in_every_row_and_disturbs_nothing(images):
    plain, watched = network(method=reach.local(2)), network(method=reach.local(2))
    expected = train(plain, images, 2, recipe=PLAIN)
    history = train(watched, images, 2, recipe=PLAIN, watch={"alignment": measure.alignment})
    assert same(weights(plain), weights(watched)) and len(history.column("alignment", 0)) == 2
    assert history.rows[-1]["alignment"] == measure.alignment(watched, images)
    assert [{k: v for k, v in row.items() if k != "alignment"} for row in rows(history)] == rows(expected)
    with pytest.raises(ValueError, match="has loss already"):
        train(network(), images, 1, watch={"loss": measure.alignment})


def test_numbers_of_numpy_will_do(images, tmp_path):
    recipe = Recipe(batch=np.int64(24), lr=np.float64(0.05), augment=False, precision="float32")
    train(ours := network(), images, 1, recipe=recipe, seed=np.int64(1), checkpoint=tmp_path / "run.safetensors")
    train(plain := network(), images, 1, recipe=PLAIN, seed=1)
    assert same(weights(ours), weights(plain))


def test_one_image_cannot_be_trained_on(images):
    images.train_x, images.train_y = images.train_x[:1], images.train_y[:1]
    with pytest.raises(ValueError, match="at least 2 training images; got 1"):
        train(network(), images, 1, recipe=PLAIN)


def test_a_loss_whose_parameters_are_all_frozen_is_named(images):
    net = network()
    for part in (net.body[0], net.heads[0]):
        part.requires_grad_(False)
    with pytest.raises(ValueError, match="loss 1 trains nothing"):
        train(net, images, 1, recipe=PLAIN)


def test_the_first_non_finite_loss_is_named_and_undone(images):
    net = network(K=3)
    calls = []

    def poison(module, args, output):
        calls.append(None)  # 72 images make three steps an epoch, and one test batch follows them
        return output * float("nan") if len(calls) == 6 else output

    net.heads[1].register_forward_hook(poison)
    run = Run(net, images, 3, recipe=PLAIN)
    with pytest.raises(NonFiniteLoss, match="module 2 is nan at step 2 of epoch 2"):
        run.fit()
    after_one = network(K=3)
    train(after_one, images, 1, recipe=PLAIN)
    assert len(run.history.rows) == 1 and net.state_dict().keys() == after_one.state_dict().keys()
    assert all(t.isfinite().all() for t in net.state_dict().values())


def test_sequential_training_freezes_what_is_done(images, monkeypatch):
    net = network(K=2)
    seen, epoch = [weights(net)], training.epoch

    def watched(*args):
        row = epoch(*args)
        seen.append(weights(net))
        return row

    monkeypatch.setattr(training, "epoch", watched)
    run = Run(net, images, 2, schedule="sequential", recipe=PLAIN)
    history = run.fit()
    first, second = ("body.0.", "heads.0."), ("body.1.", "heads.1.")

    def moved(a, b, prefixes):
        return any(not torch.equal(seen[a][k], seen[b][k]) for k in seen[0] if k.startswith(prefixes))

    assert moved(0, 2, first) and not moved(0, 2, second)   # phase 1 trains module 1 alone
    assert not moved(2, 4, first) and moved(2, 4, second)   # phase 2 freezes it, BatchNorm statistics too
    untrained = [[a is None for a in row["accuracy"]] for row in history.rows]
    assert untrained == [[False, True]] * 2 + [[False, False]] * 2


def test_between_frozen_modules_a_quantiser_rests(images):
    net, seen = network(K=3), []
    net.borders = [borders.VectorQuantizer(Kc=4, D=4, decay=0.5) for _ in range(2)]
    run = Run(net, images, 1, schedule="sequential", recipe=PLAIN, watch={"codes": lambda net, _: seen.append(
        [None if border.codebook is None else border.codebook.clone() for border in net.borders[:2]]) or 0})
    run.fit()
    assert seen[0][0] is None  # nobody reads module 1 yet
    assert torch.equal(seen[1][0], seen[2][0]) and seen[2][1] is not None


def test_a_quantiser_that_was_only_evaluated_is_as_new(images, tmp_path):
    def fresh():
        net = network()
        net.borders = [borders.VectorQuantizer(Kc=4, D=4)]
        return net

    train(fresh(), images, 1, recipe=PLAIN, checkpoint=tmp_path / "run")
    net = fresh()
    measure.score(net, images)
    assert len(train(net, images, 1, recipe=PLAIN, checkpoint=tmp_path / "run").rows) == 1  # resumes: nothing to do


def test_a_run_is_not_computed_in_another_precision_around_it(images):
    run = Run(network(), images, 1, recipe=PLAIN)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(ValueError, match="within torch.autocast .* train outs"):
        run.fit()
    assert not run.history.rows


def test_weights_of_gradients_stay_as_declared(images):
    def meddle(net, _):
        net.weights = [0.5, 0.5]
        return 0

    with pytest.raises(ValueError, match=r"has changed: weights: \(1.0, 1.0\) there, \(0.5, 0.5\) here"):
        train(network(), images, 2, recipe=PLAIN, watch={"meddle": meddle})


def test_sequential_needs_local_reach(images):
    with pytest.raises(ValueError, match="needs reach.local"):
        train(network(method=reach.backprop(2)), images, 1, schedule="sequential")


def test_last_only_learns_on_a_random_prefix(images):
    """The same as backprop in a network whose prefix needs no gradient; BatchNorm there follows the images."""
    net, by_hand = network(K=3), network(K=3, method=reach.backprop(3))
    by_hand.body[:2].requires_grad_(False)
    before = weights(net)
    history = train(net, images, 2, schedule="last only", recipe=PLAIN)
    expected = train(by_hand, images, 2, recipe=PLAIN)
    assert same(weights(net), weights(by_hand)) and history.accuracy == expected.accuracy
    moved = {name for name, tensor in weights(net).items() if not torch.equal(tensor, before[name])}
    assert all(name.startswith(("body.2.", "heads.2.")) or ".running_" in name or ".num_batches" in name
               for name in moved)
    assert any(name.startswith("body.0.") for name in moved) and any(name.startswith("heads.2.") for name in moved)
    assert history.accuracies[:2] == [None, None] and history.rows[-1]["loss"][:2] == [None, None]


def test_unknown_schedules_are_named(images):
    with pytest.raises(ValueError, match="'cyclic'.*synchronous, sequential, last only"):
        train(network(), images, 1, schedule="cyclic")


def test_learning_rate_warms_up_and_falls_to_zero():
    recipe = Recipe(lr=0.8, warmup=10, warmup_lr=0.01)
    assert recipe.lr_at(0, 160) == 0.01 and recipe.lr_at(10, 160) == pytest.approx(0.8)
    assert recipe.lr_at(85, 160) == pytest.approx(0.4) and recipe.lr_at(160, 160) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("settings, words", [
    ({"precision": "float16"}, "'float16'.*float32"), ({"batch": 1}, "batch is 1"),
])
def test_recipes_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**settings)


def test_no_epochs_are_refused(images):
    with pytest.raises(ValueError, match="epochs is 0; it is a whole number from 1 on"):
        train(network(), images, 0)


def test_an_empty_history_says_so():
    assert "no epoch finished" in repr(History())


@pytest.fixture
def without_compiler(monkeypatch):
    """torch.compile traces and partitions as ever, but runs the graphs with PyTorch's own kernels: C++ takes a
    minute."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager_decomp_partition"))


ADAMW = Recipe(batch=24, lr=0.003, optimizer="adamw", augment=False)


@pytest.mark.parametrize("schedule, recipe", [("synchronous", PLAIN), ("sequential", PLAIN), ("last only", PLAIN),
                                              ("synchronous", ADAMW)])
def test_fast_steps_compute_what_eager_steps_do(images, schedule, recipe, without_compiler):
    whole, compiled = network(), network()
    expected = train(whole, images, 2, schedule=schedule, recipe=recipe)
    run = Run(compiled, images, 2, schedule=schedule, recipe=recipe, fast=True)
    torch._dynamo.reset()  # also empties the counters
    history = run.fit()
    assert counters["frames"]["ok"] >= 4  # two modules and two heads were compiled, not passed through
    for row, other in zip(history.rows, expected.rows):
        assert [x or 0 for x in row["loss"]] == pytest.approx([x or 0 for x in other["loss"]], rel=1e-4)
    for name, tensor in compiled.state_dict().items():
        assert torch.allclose(tensor, whole.state_dict()[name], atol=1e-4), name


@pytest.mark.parametrize("R", [reach.backprop(4), reach.overlapping(4, 2), reach.interlocking(4, 3),
                               reach.deep_supervision(4),
                               [[0, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]]], ids=str)
def test_fast_steps_send_the_same_messages(images, R, without_compiler):
    fast, eager = network(4, method=R), network(4, method=R)
    train(fast, images, 1, recipe=PLAIN, fast=True)
    train(eager, images, 1, recipe=PLAIN)
    assert all(torch.allclose(p, q, atol=1e-4) for p, q in zip(fast.parameters(), eager.parameters()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="steps are captured on a GPU, and there is none")
@pytest.mark.parametrize("compiled", [False, True], ids=["captured", "compiled and captured"])
@pytest.mark.parametrize("recipe", [PLAIN, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("R", [reach.backprop(4), reach.local(4), reach.overlapping(4, 2), reach.interlocking(4, 3)],
                         ids=str)
def test_captured_steps_compute_what_eager_steps_do(images, R, recipe, compiled):
    """At learning rates that differ by cell and step, with turns between, and with a ragged batch. In float64: in
    float32 a GPU's convolutions round to TF32, and two runs of one step differ by more than an error would."""
    x, y = (tensor.cuda() for tensor in next(images.test_batches(24)))
    x, nets = x.double(), [network(4, method=R).cuda().double() for _ in range(2)]
    steps = EagerStep(nets[0], recipe), FastStep(nets[1], recipe, compiled)
    turns = [nets[0].losses, nets[0].losses, nets[0].losses[-1:], nets[0].losses]
    for n, turn in enumerate(turns):
        size, lrs = (24, 24, 24, 17)[n], [recipe.lr * (1 + j + n) / 8 for j in range(4)]
        eager, fast = (step(x[:size], y[:size], lrs, turn) for step in steps)
        assert list(eager) == list(fast)
        assert [v.item() for v in fast.values()] == pytest.approx([v.item() for v in eager.values()], rel=1e-5)
    assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(nets[0].parameters(), nets[1].parameters()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="steps are captured on a GPU, and there is none")
@pytest.mark.parametrize("compiled", [False, True], ids=["captured", "compiled and captured"])
@pytest.mark.parametrize("precision, near", [(None, 1e-3), (torch.bfloat16, 0.02)], ids=["float32", "bfloat16"])
def test_captured_steps_of_groups_compute_what_eager_steps_do(images, precision, near, compiled):
    x, y = (tensor.cuda() for tensor in next(images.test_batches(24)))
    values = []
    for make in (EagerStep, partial(FastStep, compiled=compiled)):
        torch.manual_seed(0)
        net = networks.resnet(8, width=8, classes=4, shape=(3, 16, 16)).cut(2, "1c2f", groups=2, diversity="paper")
        net.cuda().precision = precision
        step, lrs = make(net, PLAIN), [PLAIN.lr] * len(net.heads)
        values.append([v.item() for _ in range(5) for v in step(x, y, lrs, net.losses).values()])
    assert values[1] == pytest.approx(values[0], rel=near)


def test_seconds_left_are_measured_and_leave_no_trace(images):
    run, untouched = Run(network(), images, 4, recipe=PLAIN), network()
    whole = seconds_left(run)
    assert same(weights(run.net), weights(untouched)) and not any(tensor.any() for tensor in run.step.state().values())
    train(untouched, images, 4, recipe=PLAIN)
    run.fit()
    assert same(weights(run.net), weights(untouched))
    assert whole > 0 and seconds_left(run) == 0


def test_seconds_left_add_up_the_steps_of_every_phase_to_come(images, monkeypatch):
    asked = iter((2.0, 3.0))  # seconds a step of the first phase, and of the second
    monkeypatch.setattr("llcourse.reproduce.run.round_robin", lambda steps, rounds, device: [next(asked)])
    run = Run(network(), images, 4, schedule="sequential", recipe=PLAIN)
    run.history.rows = [{}] * 3
    assert seconds_left(run) == (1 * 2.0 + 4 * 3.0) * 3  # three steps an epoch
